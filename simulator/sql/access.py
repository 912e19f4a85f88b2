"""What a step's SQL reads and writes, as far as it can be followed, and what an observer must ask to verify it.

Only what can be followed exactly is: rows of a table that are chosen by a condition on that row alone, as long as other
tables of the same statement do not change. Everything else is refused with the reason, since a verdict on half of what
was read would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from sqlglot.errors import SqlglotError

from simulator.i18n.text import N_
from simulator.model import Scalar
from simulator.sql.effort import MAX_LENGTH, NestedTooDeeplyError
from simulator.sql.grammar import followed
from simulator.sql.kinds import Access, AccessKind
from simulator.sql.refusal import RefusalError, Unsupported
from simulator.sql.tree import parsed
from simulator.sql.words import can_be_cut, statements

__all__ = ["Access", "AccessKind", "ProbePlan", "Unsupported", "accesses", "probes"]

_UNREADABLE = N_("This SQL could not be read.")


class ProbePlan(NamedTuple):
    """What the observer is to ask of every committed state, so that reads can be verified and predicates followed."""

    #: (table, condition)
    conditions: tuple[tuple[str, str], ...] = ()
    selects: tuple[str, ...] = ()

    def extended(self, sql: str, parameters: Mapping[str, Scalar]) -> ProbePlan:
        """With what this step needs once its `:name`s are known; `self` where nothing is new."""
        conditions: dict[tuple[str, str], None] = dict.fromkeys(self.conditions)
        selects = dict.fromkeys(self.selects)
        for access in _followed(sql):
            try:
                found, (_, select) = access.sources(parameters), access.bound(parameters)
            except KeyError:
                continue
            conditions.update(((source.table, source.condition), None) for source in found if source.condition)
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
        if len(sql) > MAX_LENGTH:
            raise NestedTooDeeplyError
        if not can_be_cut(sql):
            return Unsupported(_UNREADABLE)
        found = tuple(map(followed, statements(sql)))
        for access in found:
            # What cannot be bound is found out here, once, and not in the middle of a run.
            tried: Mapping[str, Scalar] = dict.fromkeys(access.parameters, -1)
            for bound in filter(None, (*access.bound(tried), *(source.condition for source in access.sources(tried)))):
                parsed(bound)
        return found
    except RefusalError as refused:
        return refused.what
    except (NestedTooDeeplyError, RecursionError):
        return Unsupported(N_("This SQL is too long or nested too deeply to be followed."))
    except (SqlglotError, AttributeError, TypeError, ValueError, LookupError):
        # Of SQL that is only nearly SQL sqlglot makes trees with parts missing; the server says what is wrong with it.
        return Unsupported(_UNREADABLE)


def _followed(sql: str) -> Iterator[Access]:
    found = accesses(sql)
    if not isinstance(found, Unsupported):
        yield from (access for access in found if access.table or access.beside)
