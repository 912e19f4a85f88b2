"""One live run: a person decides which session moves next, one statement a click."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from simulator.engines.base import Engine
from simulator.errors import EngineError, RunError
from simulator.history.schedule import History
from simulator.i18n.text import NOTHING, Text
from simulator.live.compare import first_difference
from simulator.live.ended import EndReason, LiveRunEnded
from simulator.live.record import record
from simulator.live.stage import Click, LiveStage
from simulator.live.view import Free, LiveView
from simulator.model import Isolation, Scenario, Step, Variant
from simulator.verdict.run import RunResult, judged

#: Seconds in which what a person did is run again.
REPLAYS_S = 5.0


class LiveRun:
    """The sessions of one variant on live connections.

    Every call may come from any thread, waits for the one before it, and raises LiveRunEnded once the run is over: left
    alone for `idle_limit_s`, closed, or ended by the server. A click or an undo is a touch; looking is none.
    """

    def __init__(
        self,
        engine: Engine,
        scenario: Scenario,
        variant: Variant,
        isolation: Isolation,
        idle_limit_s: float,
        clock: Callable[[], float],
        watch: bool,
        on_end: Callable[[], None],
    ) -> None:
        self.scenario, self.variant, self.isolation = scenario, variant, isolation
        self._engine = engine
        self._idle_limit_s = idle_limit_s
        self._clock = clock
        self._watch = watch
        self._on_end = on_end
        self._lock = threading.RLock()
        self._ended: tuple[EndReason, Text, History] | None = None
        self._note = NOTHING
        self._started_ns = time.monotonic_ns()
        self._touched = clock()
        self._stage = self._new_stage()

    @classmethod
    def start(
        cls,
        engine: Engine,
        scenario: Scenario,
        variant: Variant,
        isolation: Isolation,
        *,
        idle_limit_s: float = 300,
        clock: Callable[[], float] = time.monotonic,
        watch: bool = True,
        on_end: Callable[[], None] = lambda: None,
    ) -> LiveRun:
        """A fresh schema with every session opened. Raises EngineBusy, EngineError; then nothing is left.

        With `watch` locks and row versions are in the history after every click, for the state panel. `on_end` is
        called once, when the run is over and has given everything back.
        """
        return cls(engine, scenario, variant, isolation, idle_limit_s, clock, watch, on_end)

    def choices(self) -> LiveView:
        """Each session with what can be done with it, as it was when it was last looked at."""
        with self._alive():
            return self._view()

    def click(self, session: str, choice: Step | Free | str, *, turn: int | None = None) -> LiveView:
        """Issue the session's next step (or its name), or a free choice, and settle.

        Returns at once where the statement waits for another session. A choice that is not possible now, or that
        carries another `turn` than the session's (a double click), is not issued: `LiveView.issued` says so.
        Raises KeyError (no such session), ScenarioError (a condition that cannot be read), LiveRunEnded.
        """
        with self._alive(touch=True):
            self._stage.look()
            click = self._stage.find(session, choice, turn)
            if click is not None:
                self._note = NOTHING
                self._stage.issue(click)
            return self._view(issued=click is not None)

    def refresh(self) -> LiveView:
        """Take in what happened by itself: a wake-up, a time-out, a statement that ended, a killed backend."""
        with self._alive():
            self._stage.look()
            return self._view()

    def undo(self, *, clicks: int | None = None) -> LiveView:
        """Take the last click back: the clicks before it are played again on a fresh schema.

        Not where there are no longer as many `clicks` as the person saw (a double click): `LiveView.issued` says so.
        The result can differ only where the server answers differently; `LiveView.note` then says from which step on.
        """
        with self._alive(touch=True):
            old = self._stage
            if not old.clicks or clicks not in (None, len(old.clicks)):
                return self._view(issued=False)
            before = old.events[: old.marks[-1]]
            old.close()
            self._stage = self._new_stage()
            complete = self._stage.replay(old.clicks[:-1])
            self._note = _undo_note(first_difference(before, self._stage.events), complete=complete)
            return self._view()

    def clicks(self) -> tuple[Click, ...]:
        """What was clicked until now, and not taken back."""
        with self._alive():
            return tuple(self._stage.clicks)

    def history(self) -> History:
        """What was seen until now."""
        with self._alive():
            return self._stage.run.history()

    def result(self) -> RunResult | None:
        """The verdict on what was done, once every session's transaction is over; None before.

        The schedule holds the scripted steps in the order of their clicks.
        """
        with self._alive():
            view = self._view()
            if not view.finished:
                return None
            steps = [click.choice.key for click in self._stage.clicks if isinstance(click.choice, Step)]
            result = record(self._stage, self.scenario, self.variant, self.isolation, self._engine.info(), steps)
            return replace(self._judged(result), elapsed_ns=time.monotonic_ns() - self._started_ns)

    def _judged(self, result: RunResult) -> RunResult:
        """Its transactions run again in a room of their own: here a person may want to go back."""
        setup = (self.scenario.setup, self.variant.setup)
        stage = self._stage
        room = self._engine.create_room(setup, len(self.variant.sessions), deadline_s=REPLAYS_S)
        try:
            return judged(result, stage.run, stage.room, room)
        finally:
            room.close()

    def close(self, reason: EndReason = EndReason.CLOSED) -> None:
        """Roll back, give the connections back, drop the schema. May be called twice, and never raises."""
        with self._lock:
            self._end(reason)

    def expire(self) -> bool:
        """Close the run where it was left alone for too long; whether it is over."""
        with self._lock:
            if self._ended is None and self._clock() >= self.expires_at:
                self._end(EndReason.IDLE)
            return self._ended is not None

    def give_way(self, touched: float) -> bool:
        """Close the run unless somebody has touched it since it was `touched`; whether this closed it."""
        with self._lock:
            if self._ended is not None or self.touched != touched:
                return False
            self._end(EndReason.GAVE_WAY)
            return True

    @property
    def touched(self) -> float:
        """When it was clicked last, on its clock."""
        return self._touched

    @property
    def expires_at(self) -> float:
        """When the run will be closed if nobody touches it, on its clock."""
        return self._touched + self._idle_limit_s

    @property
    def ended(self) -> bool:
        return self._ended is not None

    @property
    def levels(self) -> Mapping[str, Isolation]:
        """The sessions' levels by their names on the server; does not wait for a click that goes on."""
        label = self._stage.room.label
        return {f"{label}:{script.name}": script.isolation or self.isolation for script in self.variant.sessions}

    @contextmanager
    def _alive(self, *, touch: bool = False) -> Iterator[None]:
        """One call: it has the run for itself, and where the server is gone the run is over."""
        with self._lock:
            self.expire()
            self._raise_if_ended()
            if touch:
                self._touched = self._clock()
            self._stage.extend()
            try:
                yield
            except (EngineError, RunError) as error:
                self._end(EndReason.SERVER if self._engine.alive(surely=True) else EndReason.GONE, error.text)
                self._raise_if_ended()

    def _raise_if_ended(self) -> None:
        if self._ended is not None:
            reason, why, history = self._ended
            minutes = max(1, round(self._idle_limit_s / 60))
            raise LiveRunEnded(reason, minutes=minutes, why=why, history=history)

    def _end(self, reason: EndReason, why: Text = NOTHING) -> None:
        if self._ended is not None:
            return
        self._ended = (reason, why, History((), ()))
        try:
            self._ended = (reason, why, self._stage.run.history())
        finally:
            try:
                self._stage.close()
            finally:
                self._on_end()

    def _new_stage(self) -> LiveStage:
        return LiveStage(self._engine, self.scenario, self.variant, self.isolation, watch=self._watch)

    def _view(self, *, issued: bool = True) -> LiveView:
        sessions = tuple(self._stage.sessions())
        return LiveView(
            sessions=sessions,
            clicks=len(self._stage.clicks),
            issued=issued,
            finished=all(session.is_over for session in sessions),
            expires_in_s=max(0.0, self.expires_at - self._clock()),
            note=self._note,
        )


def _undo_note(step: str | None, *, complete: bool) -> Text:
    if step is None and complete:
        return NOTHING
    if step is None:
        return Text.of(
            "The steps were run again on a fresh schema, but the server did not let the last of them happen again."
        )
    return Text.of(
        "The steps were run again on a fresh schema, and the server answered differently from {step} on.", step=step
    )
