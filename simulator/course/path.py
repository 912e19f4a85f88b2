"""The path through the course: groups of chapters, and six goals, each set by the exercises that belong to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.i18n.text import N_

#: In their order, with what they are called.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "start": N_("Begin here"),
        "core": N_("The core"),
        "practice": N_("Practice"),
        "agent": N_("An agent's backend"),
        "interview": N_("Interview and beyond"),
    }
)


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing that a learner can do at the end; `title` is translated where it is shown."""

    key: str
    title: str
    #: where on the path it stands
    stretch: str
    #: all of these must be passed
    exercises: tuple[str, ...]

    def reached(self, passed: Collection[str]) -> bool:
        """Whether all of its exercises were passed."""
        return all(key in passed for key in self.exercises)


CREATION, TRANSACTIONS, FASTAPI = N_("Creation"), N_("Transactions"), N_("FastAPI")

GOALS = (
    Goal("lifecycle", N_("Understand the lifecycle of a Session and its objects"), CREATION, ("states",)),
    Goal("creation", N_("Create and configure an Engine and its sessionmaker"), CREATION, ("pool",)),
    Goal("context", N_("Use context managers, so that nothing stays open"), CREATION, ("with",)),
    Goal(
        "transactions",
        N_("Commit, roll back and retry; choose a level"),
        TRANSACTIONS,
        ("lost_update", "level", "retry"),
    ),
    Goal("depends", N_("Give each FastAPI request its Session with Depends"), FASTAPI, ("scope", "commit_place")),
    Goal("traps", N_("Avoid the traps: leaks, sharing, connections held"), FASTAPI, ("give_back", "leak", "shared")),
)


def goal_of(exercise: str) -> Goal:
    """The goal that an exercise belongs to. Raises StopIteration where it belongs to none."""
    return next(goal for goal in GOALS if exercise in goal.exercises)
