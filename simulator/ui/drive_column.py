"""One session of a live run: where it is, its statements with the next one as a button, and the free choices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.history import History, StatementFailed, StatementStarted, StepSkipped
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.live import Free, LiveSession, LiveState
from simulator.locks import wanted
from simulator.model import Step, Variant
from simulator.ui import live

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
_OUTCOMES = {"committed": N_("committed"), "rolled back": N_("rolled back"), "aborted": N_("aborted")}
_FREE: Mapping[Free, str] = MappingProxyType(
    {Free.COMMIT: N_("Commit"), Free.ROLLBACK: N_("Roll back"), Free.CANCEL: N_("Cancel")}
)


def show(variant: Variant, session: LiveSession, history: History, color: str) -> None:
    """From top to bottom: who, what was done, what is next, what may be done instead."""
    st.html(
        f'<div class="tx-who tx-session" style="border-color:{color}">{_head(session)}</div>{_why(session, history)}'
    )
    sent = _sent(session, history)
    steps = variant.session(session.name).steps
    done = [step for step in steps if step.key in sent and (session.again or step is not session.step)]
    failed = {event.step for event in _errors(session, history)}
    st.html(
        f'<div class="tx-script">{"".join(_done(step, session, failed) for step in done)}</div>' if done else "<i></i>"
    )
    if session.step is not None:
        st.button(
            _next(session, session.step),
            key=f"drive_{session.name}_next",
            type="primary" if session.possible else "secondary",
            disabled=not session.possible,
            width="stretch",
            wrap=True,
            on_click=live.click,
            args=(session.name, session.step, session.turn),
        )
    later = [] if session.step is None else [step for step in steps if step not in done and step is not session.step]
    st.html(f'<div class="tx-script">{"".join(map(_later, later))}</div>' if later else "<i></i>")
    with st.container(horizontal=True, gap="small"):
        for choice in _FREE:
            st.button(
                _(_FREE[choice]),
                key=f"drive_{session.name}_{choice.value}",
                disabled=choice not in session.free,
                on_click=live.click,
                args=(session.name, choice, session.turn),
            )


def _head(session: LiveSession) -> str:
    state = _(_STATES[session.state])
    if session.state is LiveState.ENDED:
        state = _(_OUTCOMES.get(session.outcome, session.outcome))
    css = "tx-waits" if session.state is LiveState.WAITING else "tx-red" if session.outcome == "aborted" else "tx-quiet"
    symbol = {LiveState.WAITING: "⏳ ", LiveState.LOST: "✕ "}.get(session.state, "")
    name = session.transaction or session.name
    shown = f'<span class="{css}" data-state="{session.state.value}">{symbol}{escape(state)}</span>'
    return f"<span>{escape(name)}</span> {shown}"


def _why(session: LiveSession, history: History) -> str:
    lines = [escape(session.sentence)] if session.sentence else []
    if session.state is LiveState.WAITING and session.lock:
        lines.append(f"<small>{escape(wanted(session.lock, next(iter(session.waits_for), '?')))}</small>")
    if session.outcome == "aborted":
        lines += [f"<small>{escape(event.message)}</small>" for event in _errors(session, history)]
    return f'<div class="tx-line-block">{"<br>".join(lines)}</div>' if lines else ""


def _errors(session: LiveSession, history: History) -> Iterator[StatementFailed]:
    found = [e for e in history.events if isinstance(e, StatementFailed) and e.transaction == session.transaction]
    yield from found[-1:]


def _sent(session: LiveSession, history: History) -> frozenset[str]:
    """Steps of the script that this transaction has begun."""
    return frozenset(
        event.step
        for event in history.events
        if isinstance(event, StatementStarted | StepSkipped) and event.transaction == session.transaction and event.step
    )


def _done(step: Step, session: LiveSession, failed: Collection[str | None]) -> str:
    mark, css = "✓", "tx-quiet"
    if step.key in failed:
        mark, css = "✕", "tx-red"
    elif step.key == session.since:
        mark, css = ("⏳", "tx-waits") if session.state is LiveState.WAITING else ("…", "")
    return f'<div class="tx-line {css}"><span>{mark}</span><code>{escape(_sql(step))}</code></div>'


def _later(step: Step) -> str:
    return f'<div class="tx-line tx-later"><span>·</span><code>{escape(_sql(step))}</code></div>'


def _next(session: LiveSession, step: Step) -> str:
    """The button's label, which is Markdown: the statement stands in it as code."""
    code = _sql(step).replace("`", "'")
    if session.again:
        return _("Run {session} again: {statement}").format(session=session.name, statement=f"`{code}`")
    if session.skips:
        return _("Pass over {statement}").format(statement=f"`{code}`")
    return f"`{code}`"


def _sql(step: Step) -> str:
    return " ".join(step.sql.split())
