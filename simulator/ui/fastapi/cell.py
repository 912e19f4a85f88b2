"""One cell: what the client got, what the database holds, in which order things ran, and the code that did it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.figures.palette import GREY, RED
from simulator.figures.score.info import Axis
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.i18n.comments import translated
from simulator.labs.fastapi.client import DISCONNECTED
from simulator.labs.fastapi.dependencies import dependency
from simulator.labs.fastapi.endings import ending
from simulator.labs.fastapi.matrix import Cell
from simulator.labs.fastapi.order import COMMIT, COMMIT_FAILED, RESPONSE
from simulator.labs.fastapi.told import sentences
from simulator.traces.critical import duration
from simulator.traces.trace import read
from simulator.ui.app.language import fragment
from simulator.ui.components import source_view
from simulator.ui.fastapi.matrix import held, rows, told
from simulator.ui.kit import boxes
from simulator.ui.kit.boxes import Box
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import lanes

_LOOKS = {RESPONSE: "tx-part-response", COMMIT: "tx-part-commit", COMMIT_FAILED: "tx-part-failed"}


@fragment
def show(cell: Cell) -> None:
    """What came of it on the left, the code on the right, the timeline below."""
    written, end = dependency(cell.dependency), ending(cell.ending)
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(numbers(cell))
        if cell.silent:
            words = f"<span>🔇</span><div>{escape(_silent(cell))}</div>"
            st.html(f'<div class="tx-verdict" style="--tx-color:{RED}">{words}</div>')
        if cell.told == DISCONNECTED:
            words = f"<span>❔</span><div>{escape(_left(cell))}</div>"
            st.html(f'<div class="tx-verdict" style="--tx-color:{GREY}">{words}</div>')
        st.html(order_html(cell.order))
        for sentence in sentences(cell):
            st.markdown(plain(sentence))
        st.markdown(
            _("**{title}**: {sentence}").format(title=plain(_(written.title)), sentence=plain(_(written.sentence)))
        )
        st.markdown(_("**{title}**: {sentence}").format(title=plain(_(end.title)), sentence=plain(_(end.sentence))))
        for line in cell.log:
            st.caption(_("The web server logged: {line}").format(line=plain(line)))
    with right:
        source_view.show(translated(cell.code))
    key = f"fastapi_{cell.is_async}_{cell.dependency}_{cell.ending}"
    lanes.show(read(cell.history), key=key, page="fastapi", first=Axis.STEPS)


def order_html(parts: Sequence[str]) -> str:
    """As it was observed; what comes after the response, the client never learns."""
    shown = [f'<span class="tx-part {_LOOKS.get(part, "")}">{escape(_(part))}</span>' for part in parts]
    return f'<div class="tx-order"><b>{escape(_("Observed order"))}</b>{"<i>→</i>".join(shown)}</div>'


def numbers(cell: Cell) -> str:
    """Four numbers that anyone understands, as HTML."""
    left = (cell.leak.connections, cell.leak.transactions)
    wrong: boxes.Tone = "wrong" if cell.silent else ""
    return boxes.html(
        (
            Box(_("The client was told"), told(cell), tone=wrong),
            Box(_("The database holds"), rows(cell), tone=wrong),
            Box(_("Still held"), _held(*left) if any(left) else "0", tone="leak" if cell.leaks else ""),
            Box(_("Connection out"), duration(cell.held.ms) if cell.held else "–", held(cell)),
        )
    )


def _held(connections: int, transactions: int) -> str:
    parts = (
        ngettext("{number} connection", "{number} connections", connections).format(number=connections),
        ngettext("{number} transaction", "{number} transactions", transactions).format(number=transactions),
    )
    return _(", ").join(part for part, count in zip(parts, (connections, transactions), strict=True) if count)


def _left(cell: Cell) -> str:
    """What a client that has gone can know, and what follows for it."""
    if cell.rows:
        return _(
            "The client has no answer, and its row is stored all the same. It cannot know that: if it tries again, a "
            "second row is stored, unless the request carries a key by which the endpoint knows it again."
        )
    return _("The client has no answer, and nothing is stored. It cannot know that; here it may try again.")


def _silent(cell: Cell) -> str:
    if cell.succeeded:
        return _("Silent: the client was told that it worked, and nothing is stored.")
    return _("Silent: the client was told that it failed, and its row is stored.")
