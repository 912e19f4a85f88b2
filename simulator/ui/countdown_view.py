"""The last milliseconds of a deadlock, slowed until they can be seen: what the server waited for, looked at and did."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from simulator.figures.countdown import Countdown, Kind, Moment, countdown
from simulator.figures.palette import RED
from simulator.figures.score_info import Mark
from simulator.history import History, StatementFailed
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.locks import DEADLOCK, Deadlock, wait_for_graph

_WORDS = {
    Kind.SENT: N_("{session} sends {step}"),
    Kind.WAITS: N_("{session} begins to wait"),
    Kind.CLOSED: N_("{session} waits: the circle is closed"),
    Kind.CLOSED_BY_OTHER: N_("{session} waits: the circle is closed"),
    Kind.LOOKED: N_("{session} looks for a circle and finds it"),
    Kind.FAILED: N_("{session} gets 40P01"),
    Kind.WOKE: N_("{session} goes on"),
}
#: Before it runs, in milliseconds of the viewer's own time: the eye must have found it.
LEAD_MS = 300
#: After it has run, so that its end can be read; and the panel comes a moment after the step.
REST_MS = 1500


def length_ms(one: Countdown) -> float:
    """How long the whole is shown, in milliseconds of the viewer's own time."""
    return LEAD_MS + one.total_ms * one.slowed


def holds(history: History, marks: Sequence[Mark]) -> dict[int, float]:
    """Positions at which a deadlock is shown, and for how long; in milliseconds."""
    found: dict[int, float] = {}
    for mark in marks:
        if mark.sqlstate == DEADLOCK and mark.settled_at is not None and (broken := _deadlock(history, mark)):
            found[mark.settled_at] = length_ms(countdown(history, broken)) + REST_MS
    return found


def _deadlock(history: History, mark: Mark) -> Deadlock | None:
    for event in history.events:
        if isinstance(event, StatementFailed) and (event.step, event.transaction) == (mark.step, mark.transaction):
            return wait_for_graph(history, event.seq).deadlock
    return None


def html(one: Countdown, timeout_ms: float | None) -> str:
    """A bar that runs down, and each moment as it comes; everything stays readable where nothing may move."""
    start, end = one.bar
    width = max(one.total_ms, 1e-6)
    style = (
        f"left:{100 * start / width:.2f}%;width:{100 * (end - start) / width:.2f}%;"
        f"--tx-delay:{_delay(one, start)};--tx-long:{(end - start) * one.slowed:.0f}ms"
    )
    ticks = "".join(
        f'<i style="left:{100 * moment.ms / width:.2f}%;{_color(moment)}--tx-delay:{_delay(one, moment.ms)}"></i>'
        for moment in one.moments
    )
    lines = "".join(
        f'<li style="--tx-delay:{_delay(one, moment.ms)}"{_red(moment)}><b>{_ms(moment.ms)}</b> '
        f"{escape(_words(one, moment))}</li>"
        for moment in one.moments
    )
    return (
        f'<div class="tx-countdown"><p><b>{escape(_setting(one, timeout_ms))}</b> · {escape(_pace(one))}</p>'
        f'<div class="tx-run"><span style="{style}"></span>{ticks}</div><ol>{lines}</ol></div>'
    )


def _setting(one: Countdown, timeout_ms: float | None) -> str:
    if one.own_timeout:
        return _("{session} has set its deadlock_timeout to {value}").format(session=one.victim, value=one.own_timeout)
    if timeout_ms is None:
        return _("The countdown to {session}'s look").format(session=one.victim)
    return _("deadlock_timeout: {ms:g} ms").format(ms=timeout_ms)


def _pace(one: Countdown) -> str:
    if one.slowed == 1:
        return _("as fast as it was")
    return _("slowed {factor} times").format(factor=f"{one.slowed:,}")


def _words(one: Countdown, moment: Moment) -> str:
    text = _(_WORDS[moment.kind]).format(session=moment.session, step=one.step)
    if moment.kind is Kind.LOOKED and one.waited_ms is not None:
        return _("{what}, after {ms:.2f} ms of waiting by the server's clock").format(what=text, ms=one.waited_ms)
    return text


def _ms(ms: float) -> str:
    return f"{ms:.2f} ms" if ms < 100 else f"{ms:.0f} ms"


def _delay(one: Countdown, ms: float) -> str:
    return f"{LEAD_MS + ms * one.slowed:.0f}ms"


def _color(moment: Moment) -> str:
    return f"background:{RED};" if moment.kind is Kind.FAILED else ""


def _red(moment: Moment) -> str:
    return ' class="tx-red"' if moment.kind is Kind.FAILED else ""
