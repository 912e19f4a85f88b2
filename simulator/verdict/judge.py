"""One verdict from two answers: the serial replay decides, the dependency graph names; the rule stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.anomalies.types import Verdict
from simulator.history.sqlstates import SqlState
from simulator.model import Outcome
from simulator.verdict.types import Replayed, Serial


class Finding(StrEnum):
    """What replay, graph and rule say together; each has its sentence in `verdict.explain`."""

    #: nothing was committed, so there is nothing to run again
    NOTHING_COMMITTED = "nothing committed"
    #: some serial order gives the same
    SERIALIZABLE = "serializable"
    #: so it is, but only in an order that the clock forbids
    AGAINST_CLOCK = "against the clock"
    #: so it is with these values, and the graph has a cycle: other values can go wrong
    RISK = "risk"
    #: so it is, and the rule is broken all the same: no level helps
    RULE_BROKEN_SERIALLY = "rule broken serially"
    #: no serial order gives the same, and the graph says what it is
    NAMED = "named anomaly"
    #: no serial order gives the same, and the graph cannot follow what happened
    UNNAMED = "anomaly without a name"
    #: no serial order gives the same, since a statement would rather do without than wait
    BY_DESIGN = "by design"
    #: the replay could not decide: what the graph says is not confirmed
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run beside its verdicts."""

    replayed: Replayed
    graph: Verdict
    #: whether the business rule holds; None where there is none, or it could not be asked
    rule_holds: bool | None = None
    #: SQLSTATEs of transactions that were aborted and not run again; None where the application gave up by itself
    given_up: tuple[str | None, ...] = ()
    #: transactions that did not commit, in no attempt or not whole
    uncommitted: tuple[str, ...] = ()
    #: some transaction was aborted and then run again with success
    retried: bool = False
    waits_for_ever: bool = False
    #: for each table that has one, the columns of its primary key
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def key_of(self, relation: str | None) -> tuple[str, ...]:
        """The columns that a row of this relation is named by; () where it has no key, or none was seen."""
        return self.keys.get(relation or "", ())

    @property
    def cycle(self) -> bool:
        return bool(self.graph.anomalies)


#: The first row that holds is the finding.
_FINDINGS: tuple[tuple[Finding, Callable[[Facts], bool]], ...] = (
    (Finding.UNCONFIRMED, lambda facts: facts.replayed.serial is Serial.UNDECIDED),
    (Finding.BY_DESIGN, lambda facts: facts.replayed.serial is Serial.BY_DESIGN),
    (Finding.NAMED, lambda facts: facts.replayed.serial is Serial.NO and facts.cycle),
    (Finding.UNNAMED, lambda facts: facts.replayed.serial is Serial.NO),
    (Finding.RULE_BROKEN_SERIALLY, lambda facts: facts.rule_holds is False),
    (Finding.RISK, lambda facts: facts.cycle),
    (Finding.AGAINST_CLOCK, lambda facts: bool(facts.replayed.against_clock)),
    (Finding.NOTHING_COMMITTED, lambda facts: not facts.replayed.order),
    (Finding.SERIALIZABLE, lambda facts: True),
)

#: The first row that holds is the outcome: what is wrong first, then what happened, then that all is well.
_OUTCOMES: tuple[tuple[Outcome, Callable[[Facts, Finding], bool]], ...] = (
    (Outcome.ANOMALY, lambda facts, finding: finding in (Finding.NAMED, Finding.UNNAMED)),
    (Outcome.RULE_BROKEN, lambda facts, finding: facts.rule_holds is False),
    (Outcome.WAITS_FOR_EVER, lambda facts, finding: facts.waits_for_ever),
    # Before what would sound as if all were well: the graph has a cycle, and nobody saw that anything is wrong.
    (Outcome.UNDECIDED, lambda facts, finding: finding is Finding.UNCONFIRMED and facts.cycle),
    (Outcome.BY_DESIGN, lambda facts, finding: finding is Finding.BY_DESIGN),
    (Outcome.DEADLOCK, lambda facts, finding: SqlState.DEADLOCK_DETECTED in facts.given_up),
    (Outcome.ABORTED, lambda facts, finding: bool(facts.given_up)),
    (Outcome.RETRIED, lambda facts, finding: facts.retried),
    (Outcome.UNDECIDED, lambda facts, finding: finding is Finding.UNCONFIRMED),
    (Outcome.SAFE, lambda facts, finding: True),
)


def finding_of(facts: Facts) -> Finding:
    """What the two answers come to together."""
    return next(finding for finding, holds in _FINDINGS if holds(facts))


def outcome_of(facts: Facts) -> Outcome:
    """What the run came to, for tables and colours."""
    finding = finding_of(facts)
    return next(outcome for outcome, holds in _OUTCOMES if holds(facts, finding))


def disagreement(facts: Facts) -> Finding | None:
    """What was found where the graph gave an answer that the replay did not confirm; None where they agree."""
    finding = finding_of(facts)
    differ = facts.graph.no_verdict is None and finding in (Finding.UNNAMED, Finding.RISK)
    return finding if differ else None


def gaps(facts: Iterable[Facts]) -> int:
    """How often graph and replay disagree: what is to be mended in the graph."""
    return sum(disagreement(each) is not None for each in facts)
