"""What a step's SQL reads and writes, as far as it can be followed, and what an observer must ask to verify it.

Only what can be followed exactly is: one table a statement, rows chosen by a condition on that row alone. Everything
else is refused with the reason, since a verdict on half of what was read would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from sqlglot.errors import SqlglotError

from simulator.anomalies.grammar import Access, Kind, RefusalError, Unsupported, followed, statements
from simulator.anomalies.sql import bind
from simulator.i18n import N_
from simulator.model import Scalar

__all__ = ["Access", "Kind", "ProbePlan", "Unsupported", "accesses", "bind", "probes"]


class ProbePlan(NamedTuple):
    """What the observer is to ask of every committed state, so that reads can be verified and predicates followed."""

    #: (table, condition)
    conditions: tuple[tuple[str, str], ...] = ()
    selects: tuple[str, ...] = ()

    def extended(self, sql: str, parameters: Mapping[str, Scalar]) -> ProbePlan:
        """With what this step needs once its `:name`s are known; `self` where nothing is new."""
        conditions, selects = dict.fromkeys(self.conditions), dict.fromkeys(self.selects)
        for access in _followed(sql):
            try:
                condition, select = access.bound(parameters)
            except KeyError:
                continue
            if condition:
                conditions[access.table, condition] = None
            if access.aggregate:
                selects[select] = None
        if len(conditions) == len(self.conditions) and len(selects) == len(self.selects):
            return self
        return ProbePlan(tuple(conditions), tuple(selects))


def probes(steps_sql: Iterable[str]) -> ProbePlan:
    """What can be asked before the run: every condition and computed SELECT that has no parameter."""
    plan = ProbePlan()
    for sql in steps_sql:
        plan = plan.extended(sql, {})
    return plan


@lru_cache(maxsize=1024)
def accesses(sql: str) -> tuple[Access, ...] | Unsupported:
    """Every statement of a step in its order, or the reason why the step cannot be followed."""
    try:
        return tuple(followed(part) for part in statements(sql))
    except RefusalError as refused:
        return refused.what
    except SqlglotError:
        return Unsupported(N_("This SQL could not be read."))


def _followed(sql: str) -> Iterator[Access]:
    found = accesses(sql)
    if not isinstance(found, Unsupported):
        yield from (access for access in found if access.table)
