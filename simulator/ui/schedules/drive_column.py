"""One session of a live run: what it can do now as buttons, always in the same place, and its whole script below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.figures.score.info import Mark, Status
from simulator.history.schedule import History, StatementFailed
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.live import Free, LiveSession, LiveState
from simulator.model import SessionScript, Step
from simulator.sql.bind import names, shown
from simulator.sql.label import RowNames, short_sql
from simulator.state.locks import wait_for_graph
from simulator.state.names import row_names
from simulator.state.wants import want
from simulator.ui.app.keys import MOVES
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import here
from simulator.ui.kit.terms import explained
from simulator.ui.schedules import live

_STATES: Mapping[LiveState, str] = MappingProxyType(
    {
        LiveState.READY: N_("ready"),
        LiveState.OPEN: N_("in a transaction"),
        LiveState.WAITING: N_("waits"),
        LiveState.RUNNING: N_("running"),
        LiveState.ENDED: N_("ended"),
        LiveState.LOST: N_("connection closed"),
    }
)
_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "committed": N_("committed"),
        "rolled back": N_("rolled back"),
        "aborted": N_("aborted"),
        "prepared": N_("prepared"),
    }
)
_FREE: Mapping[Free, str] = MappingProxyType(
    {Free.COMMIT: N_("Commit now"), Free.ROLLBACK: N_("Roll back"), Free.CANCEL: N_("Cancel")}
)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column shows of its session."""

    #: from 1, as its key is chosen
    number: int
    session: LiveSession
    script: SessionScript
    #: of the session's lane, by the step; of a step that was sent twice the later one
    marks: Mapping[str, Mark]
    called: RowNames
    history: History
    color: str


def columns(
    sessions: tuple[LiveSession, ...],
    scripts: Mapping[str, SessionScript],
    history: History,
    marks: tuple[Mark, ...],
    colors: Mapping[str, str],
) -> Iterator[Column]:
    """One for each session, in the order of the lanes."""
    called = row_names(history)
    for number, session in enumerate(sessions, 1):
        own = {mark.step: mark for mark in marks if mark.session == session.name}
        yield Column(number, session, scripts[session.name], own, called, history, colors[session.name])


def show(column: Column) -> None:
    """From top to bottom: who, what can be done now, and the script with what came of each statement."""
    session = column.session
    st.html(f'<div class="tx-who tx-session" style="border-color:{column.color}">{_head(column)}</div>')
    with st.container(key=here(f"drive_move_{column.number}")):
        if session.step is not None and session.possible:
            st.button(
                _next(column, session.step),
                # A button is one statement: who presses what the page no longer shows presses nothing.
                key=here(f"drive_{session.name}_next_{session.turn}"),
                type="primary",
                width="stretch",
                wrap=True,
                on_click=live.click,
                args=(session.name, session.step, session.turn),
            )
        else:
            st.html(_standing(column))
    with st.container(horizontal=True, gap="small", key=here(f"drive_free_{column.number}")):
        for choice in _FREE:
            if choice not in session.free:
                st.html("<i></i>")
                continue
            st.button(
                _(_FREE[choice]),
                key=here(f"drive_{session.name}_{choice.value}"),
                on_click=live.click,
                args=(session.name, choice, session.turn),
            )
    st.html(f'<div class="tx-script">{"".join(_lines(column))}</div>')


def _head(column: Column) -> str:
    """The transaction, how it is, and the key that moves it."""
    session = column.session
    state = _(_STATES[session.state])
    if session.state is LiveState.ENDED:
        state = _(_OUTCOMES.get(session.outcome, session.outcome))
    css = "tx-waits" if session.state is LiveState.WAITING else "tx-red" if session.outcome == "aborted" else "tx-quiet"
    symbol = {LiveState.WAITING: "⏳ ", LiveState.LOST: "✕ "}.get(session.state, "")
    said = f'<span class="{css}" data-state="{session.state.value}">{symbol}{escape(state)}</span>'
    key = f"<kbd>{MOVES[column.number - 1]}</kbd>" if column.number <= len(MOVES) else ""
    return f"<span>{escape(session.transaction or session.name)}</span> {said}{key}"


def _standing(column: Column) -> str:
    """Why there is no statement to send, in the place of the button."""
    session = column.session
    lines = [str(session.sentence)] if session.sentence else []
    if session.state is LiveState.WAITING:
        found = wait_for_graph(column.history, len(column.history.events) - 1).waits
        lines += [str(want(column.history, wait).sentence) for wait in found if wait.waiter == session.name]
    elif session.state is LiveState.OPEN:
        lines.append(_("Its script is at its end; the transaction is open."))
    elif session.state is LiveState.ENDED and session.sqlstate is None:
        lines.append(_("Nothing is left to do."))
    first, *more = lines or [""]
    css = "tx-standing tx-hatched" if session.state is LiveState.WAITING else "tx-standing"
    below = "".join(f"<small>{explained(line)}</small>" for line in (*more, *_errors(session, column.history)))
    return f'<div class="{css}"><span>{explained(first)}</span>{below}</div>'


def _errors(session: LiveSession, history: History) -> Iterator[str]:
    """The server's last words to an aborted transaction."""
    found = [e for e in history.events if isinstance(e, StatementFailed) and e.transaction == session.transaction]
    if session.outcome == "aborted" or session.failed:
        yield from (f"{event.message}." for event in found[-1:])


def _lines(column: Column) -> Iterator[str]:
    """Every statement of the script: what came of it, or when its turn is."""
    session, steps = column.session, column.script.steps
    for step in steps[: session.issued]:
        yield _done(column, step)
    left = steps[session.issued :]
    for because in _because(column, left=bool(left)):
        yield f'<div class="tx-because">{explained(because)}</div>'
    for step in left:
        if session.again or session.is_over:
            yield _line("⊘", "tx-later tx-skipped", *_called(column, step))
        else:
            yield _line(
                *(("▸", "tx-now") if step is session.step and session.possible else ("·", "tx-later")),
                *_called(column, step),
            )


def _because(column: Column, *, left: bool) -> Iterator[str]:
    """Why the statements that follow are not to be had now."""
    session = column.session
    if session.again or session.failed:
        yield " ".join(filter(None, (str(session.sentence), *_errors(session, column.history))))
    if left and session.outcome == "aborted":
        yield _("{transaction} is rolled back. Skipped, until it is run again:").format(transaction=session.transaction)
    elif left and (session.again or session.is_over):
        yield _("{transaction} has ended. Left out:").format(transaction=session.transaction or session.name)


def _done(column: Column, step: Step) -> str:
    session, mark = column.session, column.marks.get(step.key)
    if mark is None:
        return _line("✓", "tx-quiet", *_called(column, step))
    sign, css = "✓", "tx-quiet"
    if step.key == session.since:
        sign, css = ("⏳", "tx-waits") if session.state is LiveState.WAITING else ("…", "")
    elif mark.status is Status.FAILED:
        sign, css = "✕", "tx-red"
    elif mark.status is Status.SKIPPED:
        sign, css = "⊘", "tx-later tx-skipped"
    came = mark.sqlstate or (f"→ {mark.result}" if mark.result else "")
    return _line(sign, css, mark.label, mark.sql, came)


def _line(sign: str, css: str, label: str, sql: str, came: str = "") -> str:
    """A sign, the statement as the score names it with what came back, and all of it as far as it fits."""
    code = "" if sql == label else f'<code title="{escape(sql)}">{escape(sql)}</code>'
    told = f" <strong>{escape(came)}</strong>" if came else ""
    return f'<div class="tx-line {css}"><span>{sign}</span><span>{escape(label)}{told}</span>{code}</div>'


def _called(column: Column, step: Step) -> tuple[str, str]:
    """The statement as the score names it and as it will be sent, with the values that its session has read."""
    saved = column.session.saved
    sql = " ".join(shown(step.sql, {name: saved[name] for name in names(step.sql) if name in saved}).split())
    return short_sql(sql, column.called) or step.name, sql


def _next(column: Column, step: Step) -> str:
    """The button's label, which is Markdown: what the statement does, and below it the statement as code."""
    session, (label, sql) = column.session, _called(column, step)
    told = f"**{plain(label)}**" + ("" if sql == label else f" `{sql.replace('`', chr(39))}`")
    if session.again:
        return _("Run {session} again: {statement}").format(session=session.name, statement=told)
    if session.skips:
        return _("Pass over {statement}").format(statement=told)
    return told
