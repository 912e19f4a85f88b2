"""The last milliseconds of a deadlock, slowed until they can be seen: what the server waited for, looked at and did."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from simulator.figures.palette import RED
from simulator.figures.score.countdown import Countdown, Moment, MomentKind, countdown
from simulator.figures.score.info import Mark, ScoreInfo
from simulator.history.schedule import History, StatementFailed
from simulator.history.sqlstates import SqlState
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.state.locks import Deadlock, wait_for_graph
from simulator.ui.components.score_view import Scene, SceneMoment

_WORDS = {
    MomentKind.SENT: N_("{session} sends {step}"),
    MomentKind.WAITS: N_("{session} begins to wait"),
    MomentKind.CLOSED: N_("{session} waits: the circle is closed"),
    MomentKind.CLOSED_BY_OTHER: N_("{session} waits: the circle is closed"),
    MomentKind.LOOKED: N_("{session} looks for a circle and finds it"),
    MomentKind.FAILED: N_("{session} gets 40P01"),
    MomentKind.WOKE: N_("{session} goes on"),
}
#: Before it runs, in milliseconds of the viewer's own time: the eye must have found it.
LEAD_MS = 300
#: After it has run, so that its end can be read; and the panel comes a moment after the step.
REST_MS = 1500


def scenes(info: ScoreInfo, history: History, timeout_ms: float | None) -> dict[int, Scene]:
    """Positions at which a deadlock is shown, and how."""
    found: dict[int, Scene] = {}
    for mark in info.marks:
        if (
            mark.sqlstate == SqlState.DEADLOCK_DETECTED
            and mark.settled_at is not None
            and (broken := _deadlock(history, mark))
        ):
            found[mark.settled_at] = _scene(countdown(history, broken), broken, info.sessions, timeout_ms)
    return found


def _scene(one: Countdown, broken: Deadlock, sessions: Sequence[str], timeout_ms: float | None) -> Scene:
    lanes = {name: lane for lane, name in enumerate(sessions)}
    at = {moment.kind: _viewer_ms(one, moment.ms) for moment in one.moments}
    fails = at[MomentKind.FAILED]
    closing = [moment for moment in one.moments if moment.kind in (MomentKind.CLOSED, MomentKind.CLOSED_BY_OTHER)]
    length = LEAD_MS + one.total_ms * one.slowed
    start, end = one.bar
    return Scene(
        cycle=tuple((lanes[wait.waiter], lanes[wait.blocker]) for wait in broken.waits),
        closer=lanes[closing[-1].session if closing else one.victim],
        victim=lanes[one.victim],
        closes=_viewer_ms(one, closing[-1].ms) if closing else 0.0,
        fails=fails,
        wakes=at.get(MomentKind.WOKE, fails),
        bar=(_viewer_ms(one, start), _viewer_ms(one, end)),
        clock=f"{_setting(one, timeout_ms)} · {_pace(one)}",
        moments=tuple(
            SceneMoment(_viewer_ms(one, moment.ms), f"{_ms(moment.ms)}: {_words(one, moment)}")
            for moment in one.moments
        ),
        length=length,
        hold=length + REST_MS,
    )


def _viewer_ms(one: Countdown, ms: float) -> float:
    return LEAD_MS + ms * one.slowed


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
    if moment.kind is MomentKind.LOOKED and one.waited_ms is not None:
        return _("{what}, after {ms:.2f} ms of waiting by the server's clock").format(what=text, ms=one.waited_ms)
    return text


def _ms(ms: float) -> str:
    return f"{ms:.2f} ms" if ms < 100 else f"{ms:.0f} ms"


def _delay(one: Countdown, ms: float) -> str:
    return f"{_viewer_ms(one, ms):.0f}ms"


def _color(moment: Moment) -> str:
    return f"background:{RED};" if moment.kind is MomentKind.FAILED else ""


def _red(moment: Moment) -> str:
    return ' class="tx-red"' if moment.kind is MomentKind.FAILED else ""
