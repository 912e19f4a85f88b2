"""Who held the pool: a sentence with this run's numbers, the ranking behind it, the cause, and a run of the cure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.i18n import N_, ngettext
from simulator.i18n import gettext as _
from simulator.labs.sessions.cure import Cure, cure
from simulator.traces.critical import duration
from simulator.traces.holds import Cause, Holder, Pressure, holders, pressure
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import controls
from simulator.ui.sessions.runs import Shown

#: Rows of the ranking.
MOST = 12

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.AWAY: N_(
            "The connection stays out while the request waits for something else, as a model's answer: the database "
            "has nothing to do for it, and nobody else can have it."
        ),
        Cause.IDLE: N_("The application works on between its statements while it holds the connection."),
        Cause.LOCK: N_("The statements wait for rows that another transaction has locked, each with a connection."),
        Cause.SQL: N_("The statements themselves, and their COMMITs, take most of the time."),
        Cause.KEPT: N_("A connection was never given back: nobody closed its Session."),
    }
)
CURES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.AWAY: N_(
            "End the transaction before the call, with commit() or close(): the connection goes back, and another one "
            "is taken for the answer. A larger pool only moves the limit."
        ),
        Cause.IDLE: N_("Compute before the first statement or after the commit, so that the transaction is short."),
        Cause.LOCK: N_("Lock late and commit soon. With a larger pool more of them would wait for the same row."),
        Cause.SQL: N_("Fewer statements and fewer COMMITs; or more connections, while the server has work to spare."),
        Cause.KEPT: N_("Open each Session in a `with` block: it gives the connection back whatever happens."),
    }
)


def sentence(found: tuple[Holder, ...], asked: Pressure) -> str:
    """In one breath: who waited, and who had the connections meanwhile; "" where nobody held any."""
    if not found:
        return ""
    worst = found[0]
    held = _("“{kind}” holds a connection {held} for {sql} of SQL, taken at {line}.").format(
        kind=kind(worst),
        held=duration(worst.typical_held_ms),
        sql=duration(worst.typical_sql_ms),
        line=worst.line or "–",
    )
    if asked.in_vain:
        waited = ngettext(
            "{number} of {all} requests waited in vain:",
            "{number} of {all} requests waited in vain:",
            asked.in_vain,
        ).format(number=asked.in_vain, all=asked.requests)
    elif asked.queued:
        waited = ngettext(
            "{number} of {all} requests waited for a connection, at most {longest}:",
            "{number} of {all} requests waited for a connection, at most {longest}:",
            asked.queued,
        ).format(number=asked.queued, all=asked.requests, longest=duration(asked.longest_wait_ms))
    else:
        waited = _("Nobody waited for the pool:")
    return f"{waited} {held}"


def kind(holder: Holder) -> str:
    """As people call it."""
    return _(holder.title) if holder.title else holder.key or _("outside of requests")


def headline(shown: Shown) -> None:
    """Over the timeline, where anybody waited; with the button that runs the cure."""
    found, asked = holders(shown.trace), pressure(shown.trace)
    if not found or not asked.queued:
        return
    tone = "#DC2F3C" if asked.in_vain else "#868E9A"
    symbol = "⛔" if asked.in_vain else "⏳"
    words, way = st.columns([5, 2], vertical_alignment="center")
    with words:
        st.html(
            f'<div class="tx-verdict tx-held" style="--tx-color:{tone}"><span>{symbol}</span>'
            f"<div>{escape(sentence(found, asked))}</div></div>"
        )
    helps = remedy(shown, found, asked)
    if helps is not None:
        with way:
            _button(helps, "headline")


def remedy(shown: Shown, found: tuple[Holder, ...], asked: Pressure) -> Cure | None:
    """What this run could be run with instead; None for a history that was opened."""
    return cure(shown.result.load, found[0], asked) if shown.result is not None and found else None


def _button(helps: Cure, where: str) -> None:
    if helps.how == "code":
        label = _("Run the cure: {kind}").format(kind=_(helps.load.mix.title))
    else:
        label = _("Run it with pool_size={size}").format(size=helps.load.settings.pool_size)
    clicked = st.button(
        label,
        icon="💊",
        key=f"sessions_cure_{where}",
        width="stretch",
        on_click=controls.run_with,
        args=(helps.load,),
    )
    if clicked and where == "tab":
        st.rerun(scope="app")  # the tabs are a fragment, and a run is the page's


def show(shown: Shown) -> None:
    """The ranking, and why it is as it is."""
    found, asked = holders(shown.trace), pressure(shown.trace)
    if not found:
        st.caption(_("Nobody held a connection in this history."))
        return
    if not asked.queued:  # else it stands over the timeline
        st.markdown(f"#### {plain(sentence(found, asked))}")
    st.html(table(found[:MOST]))
    if asked.error:
        st.markdown(_("**In the log it reads**"))
        st.code(asked.error, language=None, wrap_lines=True)
    why, helps = st.columns(2, gap="medium")
    with why:
        st.markdown(f"**{_('Cause')}** · {plain(_(CAUSES[found[0].cause]))}")
    with helps:
        st.markdown(f"**{_('Cure')}** · {plain(_(CURES[found[0].cause]))}")
        if (other := remedy(shown, found, asked)) is not None:
            _button(other, "tab")
    st.caption(
        _(
            "Held: from the checkout to the return. SQL: statements, COMMIT and ROLLBACK. Idle in transaction: between "
            "them, from the first statement to the transaction's end. The bar is as long as all holds together."
        )
    )


def table(found: tuple[Holder, ...]) -> str:
    """A row a kind and line, the longest first; as HTML, in the page's own size of letters."""
    heads = (
        _("Kind of request"),
        _("Connection taken at"),
        _("Holds"),
        _("Held in all"),
        "SQL",
        _("Idle in transaction"),
        _("One of them"),
        "",
    )
    most = max(holder.held_ms for holder in found) or 1.0
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "".join(_row(holder, most) for holder in found)
    return f'<div class="tx-wide"><table class="tx-holds"><tr>{head}</tr>{rows}</table></div>'


def _row(holder: Holder, most: float) -> str:
    kept = f" · {_('not given back')}: {holder.kept}" if holder.kept else ""
    cells = (
        kind(holder),
        holder.line or "–",
        f"{holder.holds}{kept}",
        duration(holder.held_ms),
        duration(holder.sql_ms),
        f"{duration(holder.idle_ms)} ({holder.idle_share:.0%})",
        _("{held}, {sql} SQL").format(held=duration(holder.typical_held_ms), sql=duration(holder.typical_sql_ms)),
    )
    shares = (("sql", holder.sql_ms), ("idle", holder.idle_ms))
    parts = "".join(f'<i class="tx-held-{name}" style="width:{ms / most:.2%}"></i>' for name, ms in shares)
    rest = max(0.0, holder.held_ms - holder.sql_ms - holder.idle_ms)
    bar = f'<div class="tx-held-bar">{parts}<i class="tx-held-rest" style="width:{rest / most:.2%}"></i></div>'
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}<td>{bar}</td></tr>"
