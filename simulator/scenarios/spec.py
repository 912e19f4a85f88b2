"""What a file for isolationtester says, PostgreSQL's own tester of concurrent sessions: `src/test/isolation/README`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.scenarios.order import interleave


class BlockerKind(StrEnum):
    """What a step's report waits for, beside its own end."""

    #: `(*)`: it is reported as waiting once, whether it waits or not
    ONCE = "once"
    #: `(other)`: the other step has been reported
    STEP = "step"
    #: `(other notices 3)`: so many notices came in the other step's session since this step was sent
    NOTICES = "notices"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One marker of a step in a permutation."""

    kind: BlockerKind
    #: the step that it names; empty for ONCE
    step: str = ""
    notices: int = 0


@dataclass(frozen=True, slots=True)
class SpecStep:
    """A step as its session defines it; its name is unique in the file."""

    name: str
    #: one or more statements, sent as one query; may be empty
    sql: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SpecSession:
    """One session: a connection of its own. Setup and teardown run in it, before and after the steps."""

    name: str
    steps: tuple[SpecStep, ...]
    setup: str | None = None
    teardown: str | None = None


@dataclass(frozen=True, slots=True)
class PermutationStep:
    """A step at its place in a permutation; a permutation may leave steps out, and use one several times."""

    name: str
    blockers: tuple[Blocker, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Permutation:
    """Steps in the order in which they are sent."""

    steps: tuple[PermutationStep, ...]

    def __str__(self) -> str:
        return " ".join(step.name for step in self.steps)


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file."""

    #: the file's name without its ending
    name: str
    #: each is sent as one query by the control connection, in this order
    setups: tuple[str, ...]
    sessions: tuple[SpecSession, ...]
    teardown: str | None = None
    #: as the file states them; where it states none, every interleaving is run
    permutations: tuple[Permutation, ...] = ()
    #: the lines with which the file begins, without their `#`
    comment: str = ""

    @property
    def all_permutations(self) -> tuple[Permutation, ...]:
        """What is to be run: the stated permutations, or every interleaving in lexicographic order of sessions."""
        if self.permutations:
            return self.permutations
        scripts = tuple(tuple(PermutationStep(step.name) for step in session.steps) for session in self.sessions)
        return tuple(Permutation(steps) for steps in interleave(scripts))

    @property
    def unused(self) -> tuple[str, ...]:
        """Steps that no stated permutation has, in the order of their names' bytes."""
        if not self.permutations:
            return ()
        used = {step.name for permutation in self.permutations for step in permutation.steps}
        names = (step.name for session in self.sessions for step in session.steps)
        return tuple(sorted((name for name in names if name not in used), key=str.encode))

    def session_of(self, step: str) -> SpecSession:
        """The session that has this step. Raises KeyError."""
        for session in self.sessions:
            if any(each.name == step for each in session.steps):
                return session
        raise KeyError(step)

    def step(self, name: str) -> SpecStep:
        """The step called so. Raises KeyError."""
        return next(step for step in self.session_of(name).steps if step.name == name)
