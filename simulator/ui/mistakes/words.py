"""What came of a mistake and its fix, in words and in numbers that anyone understands; no page is drawn here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Literal

from simulator.figures.swimlanes.words import request_word
from simulator.i18n import N_, ngettext
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult, SideResult
from simulator.labs.mistakes.told import Told
from simulator.model import Row

#: `silent`: nobody is told, and data is wrong or lost; `raised`: somebody is told an error; `costs`: all is right, and
#: dear; `unseen`: this run shows no difference.
Kind = Literal["silent", "raised", "costs", "unseen"]

FAMILIES = MappingProxyType(
    {
        "sharing": N_("Sharing"),
        "leaking": N_("Leaking"),
        "transactions": N_("Transactions"),
        "objects": N_("Objects"),
        "asynchronous": N_("Async"),
        "fastapi": N_("FastAPI"),
        "isolation": N_("Isolation in the ORM"),
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentences` are whole, in the language in use; the first says what the clients were told."""

    kind: Kind
    word: str
    sentences: tuple[str, ...]


def family(mistake: Mistake) -> str:
    """Its family in the language in use."""
    return _(FAMILIES.get(mistake.family, mistake.family))


def label(mistake: Mistake) -> str:
    """Family and title; what nobody notices is marked loudest."""
    text = f"{family(mistake)} · {_(mistake.title)}"
    return _("🔇 SILENT · {title}").format(title=text) if mistake.silent else text


def told(result: SideResult) -> str:
    """`1 × 200, 1 × 500`."""
    counts = sorted(Counter(each.status for each in result.told).items())
    return ", ".join(f"{count} × {status or _('gone')}" for status, count in counts) or "–"


def html(text: str) -> str:
    """A text of the catalogue, escaped; what stands in `backticks` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def unbroken(text: str) -> str:
    """So that no line ends within `2 × 200`."""
    return text.replace(" × ", "\u00a0×\u00a0")


def stored(rows: Sequence[Row]) -> str:
    """Each value of each row: `990 · 1010`."""
    return " · ".join("NULL" if value is None else str(value) for row in rows for value in row) or "–"


def leaked(result: SideResult) -> str:
    """What was not given back; "" where that is nothing."""
    connections, transactions = result.leaked.connections, result.leaked.transactions
    parts = []
    if connections:
        parts.append(ngettext("{n} connection", "{n} connections", connections).format(n=connections))
    if transactions:
        parts.append(ngettext("{n} open transaction", "{n} open transactions", transactions).format(n=transactions))
    return _(", ").join(parts)


def errors(result: SideResult) -> str:
    """The classes of what was raised, each once, with SQLSTATEs."""
    return ", ".join(dict.fromkeys(error(each) for each in result.told if each.error))


def error(each: Told) -> str:
    """`IntegrityError 23505`; what SQLAlchemy wrapped where no SQLSTATE says it: `StatementError: MissingGreenlet`."""
    if each.sqlstate or not each.cause:
        return f"{each.error} {each.sqlstate}".strip()
    return each.error if each.cause == each.error else f"{each.error}: {each.cause}"


def verdict(mistake: Mistake, pair: PairResult) -> Verdict:
    """What this run came to; only what was observed in it counts."""
    consequences = tuple(_consequences(mistake, pair))
    kind = _kind(mistake, pair, consequences)
    words = {
        "silent": _("Silent"),
        "raised": _("An error"),
        "costs": _("It costs"),
        "unseen": _("No difference"),
    }
    if kind == "unseen":
        consequences = (_("In this run the mistake and its fix came to the same."),)
    return Verdict(kind, words[kind], (_told_sentence(pair.mistake), *consequences))


def _kind(mistake: Mistake, pair: PairResult, consequences: Sequence[str]) -> Kind:
    if any(map(is_error, pair.mistake.told)):
        return "raised"
    if not consequences:
        return "unseen"
    return "silent" if mistake.silent else "costs"


def is_error(each: Told) -> bool:
    """An error of the server's; a 404 is an answer."""
    return bool(each.error) or each.status >= 500


def is_lie(mistake: Mistake, pair: PairResult) -> bool:
    """Whether the clients were told that all is well where the fix tells them that it is not: the same is stored."""
    return mistake.silent and not any(map(is_error, pair.mistake.told)) and any(map(is_error, pair.fixed.told))


def _told_sentence(result: SideResult) -> str:
    statuses = {each.status for each in result.told}
    if raised := errors(result):
        return _("The clients were told {counts}: {errors}.").format(counts=told(result), errors=raised)
    if len(statuses) != 1:
        return _("The clients were told {counts}.").format(counts=told(result))
    status = str(statuses.pop() or _("nothing: it was gone"))
    if len(result.told) == 1:
        return _("The client was told {status}.").format(status=status)
    return _("Everybody was told {status}.").format(status=status)


def _consequences(mistake: Mistake, pair: PairResult) -> Iterator[str]:
    wrong, right = pair.mistake, pair.fixed
    look, figure = mistake.mistake.look, mistake.mistake.figure
    if look and wrong.stored != right.stored:
        yield _("{what}: {wrong}. With the fix: {right}.").format(
            what=_(look.title), wrong=stored(wrong.stored), right=stored(right.stored)
        )
    elif look and is_lie(mistake, pair):
        yield _("{what}: {wrong}.").format(what=_(look.title), wrong=stored(wrong.stored))
    if told(wrong) != told(right):
        yield _("Told with the fix: {counts}.").format(counts=told(right))
    yield from _answers(wrong, right)
    if figure and wrong.figure != right.figure:
        yield _("{what}: {wrong}. With the fix: {right}.").format(
            what=_(figure.title), wrong=wrong.figure, right=right.figure
        )
    if leaked(wrong) and leaked(wrong) != leaked(right):
        yield _("Not given back: {what}.").format(what=leaked(wrong))


def _answers(wrong: SideResult, right: SideResult) -> Iterator[str]:
    """The first client that was answered something else on the other side; errors are no answers."""
    rightly = {each.client: each.answer for each in right.told if not is_error(each)}
    for each in wrong.told:
        if not is_error(each) and rightly.get(each.client, each.answer) != each.answer:
            yield _("{client} was answered “{wrong}”. With the fix: “{right}”.").format(
                client=request_word(each.client), wrong=each.answer, right=rightly[each.client]
            )
            return
