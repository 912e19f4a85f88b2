"""Every rule, a row each."""

from __future__ import annotations

from simulator.findings.finding import Rule
from simulator.findings.rules import engines, errors, flushes, leaks, pool, queries, races, sharing, transactions

RULES: tuple[Rule, ...] = (
    *leaks.RULES,
    *sharing.RULES,
    *engines.RULES,
    *transactions.RULES,
    *flushes.RULES,
    *races.RULES,
    *pool.RULES,
    *errors.RULES,
    *queries.RULES,
)
