"""The conflict table of row locks, as this server answers it just now: each cell is a run of two sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from simulator.engines.base import Engine
from simulator.errors import RunError
from simulator.history.schedule import StepBlocked
from simulator.i18n.text import Text
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.run import RunResult, run_scenario

HOLDER, ASKER = "T1", "T2"


class Strength(StrEnum):
    """The four strengths of a row lock, the strongest first.

    https://www.postgresql.org/docs/18/explicit-locking.html#LOCKING-ROWS
    """

    UPDATE = "FOR UPDATE"
    NO_KEY_UPDATE = "FOR NO KEY UPDATE"
    SHARE = "FOR SHARE"
    KEY_SHARE = "FOR KEY SHARE"


@dataclass(frozen=True, slots=True)
class ConflictCell:
    """Whether a session that asks for `asked` waits while another one holds the same row in `held`."""

    held: Strength
    asked: Strength
    waits: bool
    #: the run that answered, for whoever wants to look at it
    result: RunResult


def row_lock_conflicts(engine: Engine) -> tuple[ConflictCell, ...]:
    """All sixteen cells, by rows: `held` from the strongest down, in each the same for `asked`.

    Raises EngineError, and RunError where a run gave no clear answer.
    """
    return tuple(_cell(engine, held, asked) for held in Strength for asked in Strength)


def _cell(engine: Engine, held: Strength, asked: Strength) -> ConflictCell:
    scenario = conflict_scenario(held, asked)
    result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED, retry=False)
    if result.outcome is not Outcome.SAFE:
        said = Text("{held} beside {asked}: the run came to {outcome}. {reason}")
        raise RunError(said.given(held=held, asked=asked, outcome=result.outcome.value, reason=result.reason))
    blocks = [event for event in result.history.events if isinstance(event, StepBlocked)]
    return ConflictCell(held, asked, any(event.session == ASKER and HOLDER in event.by for event in blocks), result)


def conflict_scenario(held: Strength, asked: Strength) -> Scenario:
    """Two sessions and one row: the first locks it and keeps it, the second asks for it, the first ends."""
    holder, asker = _script(HOLDER, "hold", held), _script(ASKER, "ask", asked)
    variant = Variant(
        key="cell",
        title=f"{held} / {asked}",
        sessions=(holder, asker),
        schedule=Schedule(("T1.hold", "T2.ask", "T1.commit", "T2.commit")),
        is_fix=False,
        expectations={},
    )
    return Scenario(
        key="row_lock_conflicts",
        title=f"{held} / {asked}",
        family="locks",
        order=0,
        story="",
        setup="CREATE TABLE item (id int PRIMARY KEY, value int NOT NULL); INSERT INTO item VALUES (1, 0)",
        variants=(variant,),
        levels=(Isolation.READ_COMMITTED,),
    )


def _script(session: str, step: str, strength: Strength) -> SessionScript:
    return SessionScript(session, (Step(step, session, _SQL[strength]), Step("commit", session, "COMMIT")))


_SQL: Mapping[Strength, str] = MappingProxyType(
    {
        Strength.UPDATE: "SELECT id FROM item WHERE id = 1 FOR UPDATE",
        Strength.NO_KEY_UPDATE: "SELECT id FROM item WHERE id = 1 FOR NO KEY UPDATE",
        Strength.SHARE: "SELECT id FROM item WHERE id = 1 FOR SHARE",
        Strength.KEY_SHARE: "SELECT id FROM item WHERE id = 1 FOR KEY SHARE",
    }
)
