"""One cell: what the client got, what the database holds, in which order things ran, and the code that did it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.figures.palette import RED
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.requests.dependencies import dependency
from simulator.labs.requests.endings import ending
from simulator.labs.requests.matrix import Cell
from simulator.labs.requests.order import COMMIT, COMMIT_FAILED, RESPONSE
from simulator.traces.trace import read
from simulator.ui import source_view
from simulator.ui.language import fragment
from simulator.ui.lifecycle import lanes
from simulator.ui.plain import plain
from simulator.ui.requests.matrix import rows, told

_LOOKS = {RESPONSE: "tx-part-response", COMMIT: "tx-part-commit", COMMIT_FAILED: "tx-part-failed"}


@fragment
def show(cell: Cell) -> None:
    """What came of it on the left, the code on the right, the timeline below."""
    written, end = dependency(cell.dependency), ending(cell.ending)
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(_numbers(cell))
        if cell.silent:
            words = f"<span>🔇</span><div>{escape(_silent(cell))}</div>"
            st.html(f'<div class="tx-verdict" style="--tx-color:{RED}">{words}</div>')
        st.html(order_html(cell.order))
        st.markdown(
            _("**{title}**: {sentence}").format(title=plain(_(written.title)), sentence=plain(_(written.sentence)))
        )
        st.markdown(_("**{title}**: {sentence}").format(title=plain(_(end.title)), sentence=plain(_(end.sentence))))
        for line in cell.log:
            st.caption(_("The web server logged: {line}").format(line=plain(line)))
    with right:
        source_view.show(cell.code)
    lanes.show(read(cell.history), key=f"requests_{cell.is_async}_{cell.dependency}_{cell.ending}")


def order_html(parts: Sequence[str]) -> str:
    """As it was observed; what comes after the response, the client never learns."""
    shown = [f'<span class="tx-part {_LOOKS.get(part, "")}">{escape(_(part))}</span>' for part in parts]
    return f'<div class="tx-order"><b>{escape(_("Observed order"))}</b>{"<i>→</i>".join(shown)}</div>'


def _numbers(cell: Cell) -> str:
    """Three numbers that anyone understands."""
    held = (cell.leak.connections, cell.leak.transactions)
    boxes = (
        (_("The client was told"), told(cell), "wrong" if cell.silent else ""),
        (_("The database holds"), rows(cell), "wrong" if cell.silent else ""),
        (_("Still held"), _held(*held) if any(held) else "0", "leak" if cell.leaks else ""),
    )
    return '<div class="tx-mistake-numbers">' + "".join(map(_box, boxes)) + "</div>"


def _box(box: tuple[str, str, str]) -> str:
    title, value, tone = box
    kind = f' class="tx-mistake-box-{tone}"' if tone else ""
    return f"<div{kind}><small>{escape(title)}</small><b>{escape(value)}</b></div>"


def _held(connections: int, transactions: int) -> str:
    parts = (
        ngettext("{number} connection", "{number} connections", connections).format(number=connections),
        ngettext("{number} transaction", "{number} transactions", transactions).format(number=transactions),
    )
    return _(", ").join(part for part, count in zip(parts, (connections, transactions), strict=True) if count)


def _silent(cell: Cell) -> str:
    if cell.succeeded:
        return _("Silent: the client was told that it worked, and nothing is stored.")
    return _("Silent: the client was told that it failed, and its row is stored.")
