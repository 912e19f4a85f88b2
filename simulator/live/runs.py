"""The owner of this process's live runs: no run outlives its page, its person's patience, or the application."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial

from simulator.engines.base import Engine
from simulator.engines.budget import Budget
from simulator.errors import EngineBusy
from simulator.i18n.text import Text
from simulator.live.ended import EndReason, LiveRunEnded
from simulator.live.run import LiveRun
from simulator.model import Isolation, Scenario, Variant

#: A room full of people drives at once.
LIMIT = 50

#: Who has just clicked keeps the place, however many wait: seconds.
UNDISTURBED_S = 20.0

#: How long somebody waits for a place, and how long the end of all runs may take: seconds.
PATIENCE_S, WITHIN_S = 30.0, 5.0

#: Runs that are over and are kept, without connections, to tell their pages why.
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class _Entry:
    owner: Hashable
    run: LiveRun


class LiveRuns:
    """Live runs by their id. An owner (a tab) has one at a time; `limit` go on at once.

    Who comes when all places are taken waits `patience_s`, and the run that was left alone longest gives way as soon as
    that is `undisturbed_s`. One thread sleeps until the next run expires; it lives only while there are runs.
    """

    def __init__(
        self,
        *,
        limit: int = LIMIT,
        idle_limit_s: float = 300,
        undisturbed_s: float = UNDISTURBED_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle_limit_s = idle_limit_s
        self._undisturbed_s = undisturbed_s
        self._patience_s = patience_s
        self._clock = clock
        self._places = Budget(limit)
        #: guards what follows; never held while a run is asked for anything that may wait
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._reaper: threading.Thread | None = None
        self._stopped = False

    def start(
        self, engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation, *, owner: Hashable
    ) -> str:
        """The id of a new run; the owner's earlier one is closed. Raises EngineBusy, EngineError."""
        self._close_where(lambda entry: entry.owner == owner, EndReason.REPLACED)
        self._take_place()
        leave = partial(self._places.give_back, 1)
        try:
            run = LiveRun.start(
                engine,
                scenario,
                variant,
                isolation,
                idle_limit_s=self._idle_limit_s,
                clock=self._clock,
                on_end=leave,
            )
        except BaseException:
            leave()
            raise
        return self._register(owner, run)

    def get(self, run_id: str) -> LiveRun:
        """The run, also one that is over: its calls say why. Raises LiveRunEnded where nothing is known of it."""
        with self._changed:
            entry = self._entries.get(run_id)
        if entry is None:
            raise LiveRunEnded(EndReason.CLOSED)
        return entry.run

    def close(self, run_id: str) -> None:
        """End one run; nothing happens where it is over."""
        entry = self._entries.get(run_id)
        if entry is not None:
            entry.run.close()

    def close_of(self, owner: Hashable) -> None:
        """End the runs of an owner whose page is gone."""
        self._close_where(lambda entry: entry.owner == owner, EndReason.PAGE_CLOSED)

    def close_all(self, within_s: float = WITHIN_S) -> None:
        """End every run; none starts from here on. Returns within that time, also where a run takes longer."""
        until = time.monotonic() + within_s
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            reaper = self._reaper
        self.end_all(EndReason.STOPPING, within_s)
        if reaper is not None and reaper is not threading.current_thread():
            reaper.join(max(0.0, until - time.monotonic()))

    def end_all(self, reason: EndReason, within_s: float = WITHIN_S) -> None:
        """End every run that goes on, all of them at once. Returns within that time, also where one takes longer."""
        until = time.monotonic() + within_s
        closing = [
            threading.Thread(target=run.close, args=(reason,), name="txscope-live-end", daemon=True)
            for run in self._going_on()
        ]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(max(0.0, until - time.monotonic()))

    def reap(self) -> None:
        """Close the runs that are due."""
        for run in self._going_on():
            if run.expires_at <= self._clock():
                run.expire()

    def going_on(self) -> int:
        """How many runs are not over."""
        return len(self._going_on())

    def levels(self) -> Mapping[str, Isolation]:
        """Isolation levels by the session's name on the server, for `activity.look`."""
        return {name: level for run in self._going_on() for name, level in run.levels.items()}

    def _going_on(self) -> list[LiveRun]:
        with self._changed:
            return [entry.run for entry in self._entries.values() if not entry.run.ended]

    def _close_where(self, wanted: Callable[[_Entry], bool], reason: EndReason) -> None:
        with self._changed:
            runs = [entry.run for entry in self._entries.values() if wanted(entry) and not entry.run.ended]
        for run in runs:
            run.close(reason)

    def _take_place(self) -> None:
        self._raise_if_stopped()
        if not self._places.take(1, self._patience_s, self._make_room):
            raise EngineBusy(
                Text.of(
                    "All {limit} places for live runs are taken by people who use them: each was clicked in the last "
                    "{seconds} seconds. Try again in a moment.",
                    limit=self._places.total,
                    seconds=round(self._undisturbed_s),
                )
            )

    def _make_room(self) -> None:
        """Called while somebody waits: whoever was left alone longest gives way."""
        self._raise_if_stopped()
        idle = [(run.touched, run) for run in self._going_on()]
        touched, run = min(idle, key=lambda pair: pair[0], default=(0.0, None))
        if run is not None and self._clock() - touched >= self._undisturbed_s:
            run.give_way(touched)

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise EngineBusy(Text.of("Txscope is stopping: no live run can be started."))

    def _register(self, owner: Hashable, run: LiveRun) -> str:
        run_id = secrets.token_urlsafe(8)
        with self._changed:
            self._entries[run_id] = _Entry(owner, run)
            over = [name for name, entry in self._entries.items() if entry.run.ended]
            for name in over[:-REMEMBERED]:
                del self._entries[name]
            stopped = self._stopped
            self._wake_reaper()
        if stopped:
            # It was started while everything was closed.
            run.close(EndReason.STOPPING)
        return run_id

    def _wake_reaper(self) -> None:
        self._changed.notify_all()
        if self._reaper is None and not self._stopped:
            self._reaper = threading.Thread(target=self._keep_reaping, name="txscope-live", daemon=True)
            self._reaper.start()

    def _keep_reaping(self) -> None:
        """A failure ends this thread where everybody sees it; another one goes on with the other runs."""
        try:
            while self._wait_until_due():
                self.reap()
        except BaseException:
            with self._changed:
                self._reaper = None
                self._wake_reaper()
            raise

    def _wait_until_due(self) -> bool:
        """True once a run is due; False where there is none to wait for."""
        with self._changed:
            while not self._stopped:
                due = [entry.run.expires_at for entry in self._entries.values() if not entry.run.ended]
                if not due:
                    break
                left = min(due) - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
            self._reaper = None
            return False
