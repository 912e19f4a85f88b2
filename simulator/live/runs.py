"""The owner of this process's live runs: no run outlives its page, its person's patience, or the application."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from simulator.engines.base import Engine
from simulator.errors import EngineBusy
from simulator.i18n import gettext as _
from simulator.live.ended import EndReason, LiveRunEnded
from simulator.live.run import LiveRun
from simulator.model import Isolation, Scenario, Variant

#: Runs that are over and are kept, without connections, to tell their pages why.
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class _Entry:
    owner: Hashable
    run: LiveRun


class LiveRuns:
    """Live runs by their id. An owner (a tab) has one at a time; `limit` go on at once.

    One thread sleeps until the next run expires; it lives only while there are runs.
    """

    def __init__(
        self, *, limit: int = 8, idle_limit_s: float = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._idle_limit_s = idle_limit_s
        self._clock = clock
        #: guards what follows; never held while a run is asked for anything that may wait
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._starting = 0
        self._reaper: threading.Thread | None = None
        self._stopped = False

    def start(
        self, engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation, *, owner: Hashable
    ) -> str:
        """The id of a new run; the owner's earlier one is closed. Raises EngineBusy, EngineError."""
        self._close_where(lambda entry: entry.owner == owner, EndReason.REPLACED)
        self._take_place()
        try:
            run = LiveRun.start(
                engine, scenario, variant, isolation, idle_limit_s=self._idle_limit_s, clock=self._clock
            )
        except BaseException:
            self._give_place_back()
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

    def close_all(self) -> None:
        """End every run; none starts from here on."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            reaper = self._reaper
        self._close_where(lambda entry: True, EndReason.STOPPING)
        if reaper is not None and reaper is not threading.current_thread():
            reaper.join()

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
        with self._changed:
            if self._stopped:
                raise EngineBusy(_("Txscope is stopping: no live run can be started."))
            going_on = sum(not entry.run.ended for entry in self._entries.values())
            if going_on + self._starting >= self._limit:
                raise EngineBusy(
                    _(
                        "All {limit} places for live runs are taken. Close one, or try again in a few minutes: "
                        "a run that nobody touches is closed."
                    ).format(limit=self._limit)
                )
            self._starting += 1

    def _give_place_back(self) -> None:
        with self._changed:
            self._starting -= 1

    def _register(self, owner: Hashable, run: LiveRun) -> str:
        run_id = secrets.token_urlsafe(8)
        with self._changed:
            self._starting -= 1
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
