"""What a finding is: something that a history shows, named, with its evidence, its cost and its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from simulator.i18n.text import N_, Text

if TYPE_CHECKING:
    from simulator.findings.facts import Facts


class Severity(StrEnum):
    """How bad it is; the worst stands first."""

    #: data is wrong or lost, or a connection is
    LOST = "lost"
    #: somebody was told an error
    FAILED = "failed"
    #: nothing went wrong in this history, and yet it should be mended
    FLAW = "flaw"
    #: no fault: what something took, so that one can decide
    COST = "cost"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)


class Unit(StrEnum):
    """In what a cost is counted."""

    #: connections that the pool does not get back
    CONNECTIONS = "connections"
    #: requests that were told an error
    FAILURES = "failures"
    #: changes that are not stored, or were overwritten unseen
    CHANGES = "changes"
    STATEMENTS = "statements"
    #: milliseconds of a connection in which nothing was sent on it
    HELD = "held"
    #: milliseconds that somebody waited
    WAITED = "waited"
    #: milliseconds that statements took
    SQL = "sql"


#: (unit, how many or how long)
Cost = tuple[Unit, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a rule reports: it was seen once. Signs of one line of code become one finding."""

    said: Text
    severity: Severity
    #: `kinds.py:41 save_message`, "" where none was seen
    line: str = ""
    #: key of the mistake that shows the same; "" for the rule's own
    mistake: str = ""
    #: names of the requests that it concerns
    requests: tuple[str, ...] = ()
    #: the spans that show it, by their `seq`
    evidence: tuple[int, ...] = ()
    costs: tuple[Cost, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table. Title and cure are for gettext."""

    key: str
    title: str
    #: the rule that prevents it
    cure: str
    #: where that is written: the library's or the server's own pages
    source: str
    find: Callable[[Facts], Iterable[Sign]]
    #: key of the mistake that demonstrates it, "" where none does
    mistake: str = ""
    #: key of the scenario that demonstrates it, where no mistake does
    scenario: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Everything of one rule and one line of code."""

    rule: str
    title: str
    severity: Severity
    #: the worst of them, in words
    said: Text
    #: how often it was seen
    times: int
    cost: Text
    cure: str
    source: str
    mistake: str
    scenario: str
    line: str
    requests: tuple[str, ...]
    evidence: tuple[int, ...]
    #: summed, by unit
    costs: tuple[Cost, ...]


#: What a severity is called; for gettext.
SEVERITIES: Mapping[Severity, str] = MappingProxyType(
    {
        Severity.LOST: N_("Lost"),
        Severity.FAILED: N_("Failed"),
        Severity.FLAW: N_("Flaw"),
        Severity.COST: N_("Cost"),
    }
)
