"""The mistake and its fix beside each other: three numbers, timeline, code, and each client's answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape

import streamlit as st

from simulator.figures.swimlanes.words import request_word
from simulator.i18n import gettext as _
from simulator.i18n.comments import translated
from simulator.labs.mistakes.entry import Mistake, Side
from simulator.labs.mistakes.run import PairResult, SideResult
from simulator.labs.mistakes.told import Told
from simulator.ui.components import source_view
from simulator.ui.kit import boxes
from simulator.ui.kit.boxes import Box
from simulator.ui.mistakes import timelines, words

#: Characters of a message, and names of clients in one row.
_CUT, _NAMES = 150, 6


def show(mistake: Mistake, pair: PairResult) -> None:
    """Row by row, so that what belongs together is at one height."""
    wrong, right = st.columns(2, gap="medium")
    with wrong:
        numbers_wrong(mistake, pair)
    with right:
        numbers_right(mistake, pair)
    timelines.show(mistake, pair)
    wrong, right = st.columns(2, gap="medium")
    with wrong:
        code(mistake.mistake, "mistake")
    with right:
        code(mistake.fixed, "fix")
    wrong, right = st.columns(2, gap="medium")
    with wrong:
        _told(pair.mistake)
    with right:
        _told(pair.fixed)


def numbers_wrong(mistake: Mistake, pair: PairResult) -> None:
    """What the mistake came to, with the number that is not as it should be."""
    _numbers(mistake.mistake, pair.mistake, "wrong", _suspect(mistake, pair))


def numbers_right(mistake: Mistake, pair: PairResult) -> None:
    """What the fix came to."""
    _numbers(mistake.fixed, pair.fixed, "right")


def code(side: Side, tone: source_view.Tone, *, reveal: bool = True) -> None:
    """What ran, not a copy of it; with the line that makes the difference unless that shall be guessed."""
    source_view.show(translated(side.source), marked=side.decisive_numbers if reveal else (), tone=tone)


def _suspect(mistake: Mistake, pair: PairResult) -> str:
    """Which number of the mistake's is the wrong one: what was stored, or what was told where that is as it should."""
    if pair.mistake.stored != pair.fixed.stored or words.is_lie(mistake, pair):
        return "stored"
    if pair.mistake.told == pair.fixed.told and words.leaked(pair.mistake):
        # Everybody was told the same, and rightly: what is wrong is what did not come back.
        return ""
    kind = words.verdict(mistake, pair).kind
    return "told" if kind == "silent" else "figure" if kind == "costs" else ""


def _numbers(side: Side, result: SideResult, kind: str, suspect: str = "") -> None:
    title = _("✕ The mistake") if kind == "wrong" else _("✓ The fix")
    answers = dict.fromkeys(each.answer for each in result.told if each.answer)
    detail = words.errors(result) or (_cut(" · ".join(answers), 60) if len(result.told) <= _NAMES else "")
    numbers = [
        _box(words.told(result), _("Clients were told"), detail, "wrong" if suspect == "told" else ""),
        *_stored(side, result, suspect),
        _box(str(result.leaked.connections), _("Leaked"), words.leaked(result), "leak" if words.leaked(result) else ""),
    ]
    st.html(f'<div class="tx-mistake-side tx-mistake-{kind}"><h4>{escape(title)}</h4>{boxes.html(numbers)}</div>')


def _stored(side: Side, result: SideResult, suspect: str) -> Iterator[Box]:
    if side.look:
        tone: boxes.Tone = "wrong" if suspect == "stored" else ""
        yield _box(words.stored(result.stored), _("Stored"), _(side.look.title), tone)
    if side.figure:
        cost: boxes.Tone = "cost" if suspect == "figure" else ""
        yield _box(str(result.figure), _("Counted"), _(side.figure.title), cost)
    if not side.look and not side.figure:
        yield _box("–", _("Stored"), _("Nothing is written here"))


def _box(value: str, title: str, detail: str, tone: boxes.Tone = "") -> Box:
    return Box(title, words.unbroken(value), detail, tone)


def _told(result: SideResult) -> None:
    """A row for each answer that was given, with everybody who got it."""
    heads = (_("Client"), _("Told"), _("Exception or answer"))
    groups: dict[tuple[object, ...], list[Told]] = {}
    for each in sorted(result.told, key=_by_number):
        groups.setdefault((each.status, each.error, each.sqlstate, each.answer, each.message), []).append(each)
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    st.html(
        f'<div class="tx-wide"><table class="tx-mistake-told"><tr>{head}</tr>{"".join(map(_answer, groups.values()))}'
        f"</table></div>{''.join(_warnings(result.warnings))}"
    )


def _answer(group: list[Told]) -> str:
    first = group[0]
    names = _(", ").join(request_word(each.client) for each in group[:_NAMES])
    if len(group) > _NAMES:
        names = _("{names} … ({count} clients)").format(names=names, count=len(group))
    message = first.message.partition(" (Background on this error")[0] or first.answer
    error = f"<b>{escape(words.error(first))}</b> " if first.error else ""
    status = "tx-mistake-failed" if first.status >= 500 or first.error else ""
    return (
        f'<tr><td>{escape(names)}</td><td class="{status}">{escape(str(first.status or _("gone")))}</td>'
        f'<td title="{escape(message)}">{error}{escape(_cut(message))}</td></tr>'
    )


def _by_number(each: Told) -> tuple[int, str]:
    """Client 2 before client 10."""
    return len(each.client), each.client


def _warnings(warnings: Iterable[str]) -> Iterator[str]:
    """SQLAlchemy's own; nobody reads them in a server's log."""
    for text, count in Counter(warnings).items():
        said = _("SQLAlchemy warned {count} ×: {text}").format(count=count, text=_cut(text))
        yield f'<p class="tx-mistake-warned" title="{escape(text)}">{escape(said)}</p>'


def _cut(text: str, most: int = _CUT) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} …"
