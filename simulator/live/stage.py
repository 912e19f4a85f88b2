"""The sessions of a live run on one fresh schema, moved click by click, and the same clicks played again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from simulator.engines.base import NO_SETTINGS, Engine, Room
from simulator.errors import RunError
from simulator.execution.lane import Lane, Overdue
from simulator.execution.run import Run
from simulator.history.schedule import AnyEvent, ServerMessage, StatementFailed
from simulator.live.view import Free, LiveSession, session_view
from simulator.model import Isolation, Scenario, Step, Variant

#: A person thinks: a wait outlives the schedules' limits. The application closes a run that is left alone after five
#: minutes; the server, a minute later, where the application cannot.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {"lock_timeout": "10min", "statement_timeout": "10min", "idle_in_transaction_session_timeout": "6min"}
)

#: Seconds until a statement that neither ends nor waits for another session is shown as running: after a click, where
#: nobody clicked, and where a click is played again whose session was free at the first time.
PATIENCE, GLANCE, REPLAY_PATIENCE = 2.0, 0.02, 10.0

#: Seconds that all which one click makes the server do may take.
CLICK_S = 20.0


@dataclass(frozen=True, slots=True)
class Click:
    """One issued click; `turn` is how often its session had been clicked before."""

    session: str
    choice: Step | Free
    again: bool
    turn: int


class LiveStage:
    """One play. Raises RunError and EngineError where the server is gone; `close` must always be called."""

    def __init__(
        self,
        engine: Engine,
        scenario: Scenario,
        variant: Variant,
        isolation: Isolation,
        *,
        watch: bool,
        live: bool = True,
    ) -> None:
        """`live`: a person drives it and thinks; else it is a run as any other, with their deadline and time-outs."""
        self.clicks: list[Click] = []
        #: for each click, how many events there were before it
        self.marks: list[int] = []
        self._positions: Counter[str] = Counter()
        self.room: Room = engine.create_room((scenario.setup, variant.setup), len(variant.sessions), live=live)
        try:
            deadline = time.monotonic() + PATIENCE
            rule = scenario.invariant.sql if scenario.invariant else ""
            self.run = Run(self.room, engine.capabilities(), variant, isolation, True, deadline, watch=watch, rule=rule)
            self.run.open(SETTINGS if live else NO_SETTINGS)
            #: how many events there were when locks and versions were last looked at
            self._watched = len(self.events)
        except BaseException:
            self.room.close()
            raise

    def close(self) -> None:
        """Roll back and drop. Never raises."""
        self.room.close()

    def extend(self) -> None:
        """Whoever drives has so many seconds for one click, however long the run is open. Before each call."""
        self.room.deadline = time.monotonic() + CLICK_S

    @property
    def events(self) -> Sequence[AnyEvent]:
        return self.run.events

    def sessions(self) -> Iterator[LiveSession]:
        """Each session as it was when it was last looked at."""
        turns = Counter(click.session for click in self.clicks)
        for lane in self._lanes.values():
            saved = self.run.scheduler.saved(lane)
            yield session_view(lane, self._positions[lane.name], turns[lane.name], self.events, saved)

    def look(self, patience: float = GLANCE) -> None:
        """Take in what happened since: a reply, a wake-up, a connection that was closed."""
        self.run.scheduler.note_lost()
        self._settle(patience)
        self._watch()
        if all(lane.lost for lane in self._lanes.values()):
            raise RunError(_last_words(self.events))

    def find(self, session: str, choice: Step | Free | str, turn: int | None) -> Click | None:
        """The click that this choice means now; None where it comes too late. Raises KeyError: no such session."""
        view = next((view for view in self.sessions() if view.name == session), None)
        if view is None:
            raise KeyError(session)
        if turn is not None and turn != view.turn:
            return None
        if view.possible and view.step is not None and choice in (view.step, view.step.name):
            return Click(session, view.step, view.again, view.turn)
        if choice in view.free and not isinstance(choice, Step):
            return Click(session, Free(choice), again=False, turn=view.turn)
        return None

    def issue(self, click: Click) -> None:
        """Issue one click and settle. Raises ScenarioError where a condition cannot be read; then nothing was sent."""
        mark, lane = len(self.events), self._lanes[click.session]
        self.run.scheduler.deadline = time.monotonic() + PATIENCE
        with suppress(Overdue):  # It runs; whoever looks again sees it end.
            self._issue(lane, click)
        self._watch()
        self.clicks.append(click)
        self.marks.append(mark)

    def replay(self, clicks: Sequence[Click]) -> bool:
        """Play these clicks; False where the server no longer lets one happen: it and those after it are left out."""
        for click in clicks:
            lane = self._lanes[click.session]
            if click.choice is not Free.CANCEL:
                self._wait_for(lane)
            found = self.find(click.session, click.choice, click.turn)
            if found != click:
                return False
            self.issue(click)
        return True

    def follow(self, clicks: Sequence[Click]) -> None:
        """Play clicks of another run as far as they mean something here, then what is left of the scripts.

        Of a session that was aborted here the rest is passed over, for `Run.end` to run all of it again.
        """
        left = list(clicks)
        while (place := self._next_of(left)) is not None:
            if (click := self._meant(left.pop(place))) is not None:
                self.issue(click)
        while (click := next(self._rest(), None)) is not None:
            self.issue(click)

    def _rest(self) -> Iterator[Click]:
        """The next step of each session that goes on, or would if it had not been aborted."""
        for view in self.sessions():
            lane, position = self._lanes[view.name], self._positions[view.name]
            going = (view.possible and not view.again) or (lane.given_up and not lane.lost)
            if going and not lane.connection.busy and position < len(lane.script.steps):
                yield Click(view.name, lane.script.steps[position], again=False, turn=view.turn)

    def _next_of(self, clicks: Sequence[Click]) -> int | None:
        """The first click whose session can take it: a session that waits takes its clicks in their order later."""
        for place, click in enumerate(clicks):
            lane = self._lanes[click.session]
            if lane.connection.busy and lane.block is None:
                self._settle(REPLAY_PATIENCE)
            earlier = {before.session for before in clicks[:place]}
            if click.session not in earlier and (click.choice is Free.CANCEL or not lane.connection.busy):
                return place
        return None

    def _meant(self, click: Click) -> Click | None:
        """What the click is here; None where it means nothing any more: it was for an attempt that is none here."""
        view = next(view for view in self.sessions() if view.name == click.session)
        if isinstance(click.choice, Free):
            # Of a script's own COMMIT the person had the choice, too.
            open_ = self._lanes[click.session].open and not self._lanes[click.session].connection.busy
            possible = open_ if click.choice is not Free.CANCEL else click.choice in view.free
            return Click(click.session, click.choice, again=False, turn=view.turn) if possible else None
        if click.again and view.again:
            return Click(click.session, click.choice, again=True, turn=view.turn)
        sent = self._lanes[click.session].script.steps.index(click.choice) < self._positions[click.session]
        return None if sent else Click(click.session, click.choice, again=False, turn=view.turn)

    @property
    def _lanes(self) -> Mapping[str, Lane]:
        return self.run.scheduler.lanes

    def _issue(self, lane: Lane, click: Click) -> None:
        scheduler = self.run.scheduler
        if click.choice is Free.CANCEL:
            scheduler.cancel(lane)
        elif isinstance(click.choice, Free):
            scheduler.issue(_ending(lane, click.choice))
        else:
            if click.again:
                scheduler.restart(lane)
            after = lane.script.steps.index(click.choice) + 1
            try:
                scheduler.issue(click.choice)
            except Overdue:
                self._positions[lane.name] = after
                raise
            self._positions[lane.name] = after

    def _watch(self) -> None:
        """Record locks and versions where something has happened since they were last looked at."""
        news = [event for event in self.events[self._watched :] if not isinstance(event, ServerMessage)]
        if news:
            self.run.watch(news[-1].step)
        self._watched = len(self.events)

    def _wait_for(self, lane: Lane) -> None:
        """The person waited for this session too; the server's answer decides, not the time."""
        deadline = time.monotonic() + REPLAY_PATIENCE
        while lane.connection.busy and (left := deadline - time.monotonic()) > 0:
            self.room.wait([lane.connection], left)
            self._settle(GLANCE)

    def _settle(self, patience: float) -> None:
        self.run.scheduler.deadline = time.monotonic() + patience
        with suppress(Overdue):
            self.run.scheduler.settle()


def _ending(lane: Lane, choice: Free) -> Step:
    """The script's own COMMIT or ROLLBACK, without its condition, or one of ours."""
    sql = choice.value.upper()
    scripted = next((step for step in lane.script.steps if step.ends == sql), None)
    if scripted is not None:
        return Step(scripted.name, lane.name, scripted.sql)
    taken = {step.name for step in lane.script.steps}
    return Step(choice.value if choice.value not in taken else f"{choice.value}_now", lane.name, sql)


def _last_words(events: Sequence[AnyEvent]) -> str:
    for event in reversed(events):
        if isinstance(event, ServerMessage) and event.severity in ("FATAL", "PANIC"):
            return event.text
        if isinstance(event, StatementFailed):
            return event.message
    return ""
