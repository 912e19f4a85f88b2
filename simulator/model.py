"""What is to be run: scenarios, their variants, and the schedule that interleaves their sessions.

Everything is frozen; a change is a copy (`dataclasses.replace`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

#: A value as it crosses every layer: read from a row, saved by a step, written to JSON.
Scalar = int | float | str | bool | None
#: Values in the order of their columns.
Row = tuple[Scalar, ...]


class Isolation(StrEnum):
    """The four levels of SQL-92, by the names that `BEGIN ISOLATION LEVEL` takes."""

    READ_UNCOMMITTED = "READ UNCOMMITTED"
    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"
    SERIALIZABLE = "SERIALIZABLE"

    @property
    def short(self) -> str:
        """RU, RC, RR or SER."""
        return _SHORT[self]

    @classmethod
    def parse(cls, text: str) -> Isolation:
        """Read a level by its name or short name, in any case, with space, `-` or `_` between words.

        Raises ValueError, naming the levels, where the text is none of them.
        """
        wanted = " ".join(text.replace("-", " ").replace("_", " ").upper().split())
        for level in cls:
            if wanted in (level.value, level.short):
                return level
        names = ", ".join(f"{level.value} ({level.short})" for level in cls)
        raise ValueError(f"{text!r} is not an isolation level; use one of {names}")


_SHORT: Mapping[Isolation, str] = MappingProxyType(
    {
        Isolation.READ_UNCOMMITTED: "RU",
        Isolation.READ_COMMITTED: "RC",
        Isolation.REPEATABLE_READ: "RR",
        Isolation.SERIALIZABLE: "SER",
    }
)


class Outcome(StrEnum):
    """What a run came to; where several apply, what is wrong comes first, then what happened."""

    #: every transaction ended as the application meant, and a serial order that was really run gives the same
    SAFE = "safe"
    #: an aborted transaction was run again, as an application should, and then succeeded
    RETRIED = "retried"
    #: a transaction was aborted and not run again; the application must deal with it
    ABORTED = "aborted"
    #: a deadlock's victim was not run again
    DEADLOCK = "deadlock"
    #: a session waits, and nothing is left that could end its wait
    WAITS_FOR_EVER = "waits for ever"
    #: no serial order gives the same, since a statement would rather do without than wait
    BY_DESIGN = "by design"
    #: no serial order gives the same
    ANOMALY = "anomaly"
    #: the business rule is broken, and it breaks when the transactions run one after another too
    RULE_BROKEN = "rule broken"
    #: a statement failed in a way that the scenario does not foresee
    ERROR = "error"
    #: the schedule wants a step of a session that still waits
    IMPOSSIBLE = "impossible order"
    #: everything committed, and whether a serial order gives the same is not known; the result carries the reason
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Step:
    """What one session sends at once. `COMMIT` and `ROLLBACK` are steps too; see `SessionScript` for `BEGIN`."""

    #: name within the session; a schedule calls it `session.name`
    name: str
    session: str
    #: one or more statements; `:name` stands for a value saved by an earlier step, of this session or, where it saves
    #: none of that name, of another one
    sql: str
    #: bind the first column of the first row (NULL without one; for a command that returns no rows: how many it
    #: affected) to this name
    save: str | None = None
    #: a condition on saved values (`on_call >= 2`); the step is skipped where it is false
    when: str | None = None
    #: on a ROLLBACK: the application gives up because of a conflict and runs the transaction again
    retry: bool = False

    @property
    def key(self) -> str:
        """`session.name`, unique in a variant."""
        return f"{self.session}.{self.name}"

    @property
    def ends(self) -> str | None:
        """`COMMIT` or `ROLLBACK` where the step is only that word."""
        word = self.sql.strip().rstrip(";").strip().upper()
        return word if word in ("COMMIT", "ROLLBACK") else None


@dataclass(frozen=True, slots=True)
class SessionScript:
    """The steps of one session, in their fixed order.

    Its first step begins a transaction, and so does the first one after each COMMIT or ROLLBACK, as SQLAlchemy's
    Session does by itself. With `autocommit` it is a session as psql has it: each statement is a transaction of its
    own, unless the steps themselves say BEGIN.
    """

    name: str
    steps: tuple[Step, ...]
    #: a level of its own; None means the level that the run is started with
    isolation: Isolation | None = None
    #: of each of its transactions, unless its own BEGIN says otherwise
    read_only: bool = False
    #: a SERIALIZABLE READ ONLY transaction waits until it can neither cause nor suffer a serialization failure
    deferrable: bool = False
    autocommit: bool = False
    #: sent before the run begins and after its last step; no part of any transaction of the steps, but for a BEGIN
    #: that the setup leaves open and a COMMIT that the teardown holds
    setup: str = ""
    teardown: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An interleaving: step keys (`T1.read`), each session's own order kept."""

    steps: tuple[str, ...]

    @property
    def sessions(self) -> tuple[str, ...]:
        """Session names in the order of their first step."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.steps))


@dataclass(frozen=True, slots=True)
class Invariant:
    """A business rule on the committed state: `sql` returns one row with one boolean."""

    title: str
    sql: str


@dataclass(frozen=True, slots=True)
class Wait:
    """A step that waits, and the sessions that must go first, as the server names them."""

    step: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write the transactions of a scenario: the naive one, or a fix."""

    key: str
    title: str
    sessions: tuple[SessionScript, ...]
    schedule: Schedule
    is_fix: bool
    #: what each level is expected to come to; levels that are not named are not part of the fix table
    expectations: Mapping[Isolation, Outcome]
    #: SQL run after the scenario's own setup
    setup: str = ""
    #: why it works, or where it does not
    note: str = ""
    #: the same transactions as an application writes them
    sqlalchemy: str = ""
    #: waits in the order of their beginning, at the level that the scenario opens at; None where none are stated
    waits: tuple[Wait, ...] | None = None

    def step(self, key: str) -> Step:
        """The step called `session.name`. Raises KeyError."""
        for session in self.sessions:
            for step in session.steps:
                if step.key == key:
                    return step
        raise KeyError(key)

    def session(self, name: str) -> SessionScript:
        """The session called `name`. Raises KeyError."""
        for session in self.sessions:
            if session.name == name:
                return session
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A business rule that concurrency can break, with the ways to write it."""

    key: str
    title: str
    #: `isolation`, `hermitage` or `locks`
    family: str
    #: place in the picker; lower is earlier
    order: int
    #: two to five sentences: who does what, and what could go wrong
    story: str
    setup: str
    variants: tuple[Variant, ...]
    invariant: Invariant | None = None
    #: the phenomenon that this case is the literature's test of (`G1c`, `P4` ...)
    phenomenon: str | None = None
    #: the step whose answer the case is about, where that is neither a rule nor what is stored
    telling: str | None = None
    #: what that step can answer, whichever variant and level: what may be guessed before a run
    answers: tuple[str, ...] = ()
    #: at which levels the phenomenon is expected to occur on PostgreSQL
    occurs_at: tuple[Isolation, ...] = ()
    #: where the case comes from
    source: str = ""
    levels: tuple[Isolation, ...] = field(
        default=(Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)
    )

    def variant(self, key: str) -> Variant:
        """The variant called `key`. Raises KeyError."""
        for variant in self.variants:
            if variant.key == key:
                return variant
        raise KeyError(key)
