"""A claim about a run, as a chapter writes it (`outcome = anomaly`), and whether the run's facts bear it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: What is known of a run; a collection holds what was seen at least once.
Fact = str | int | float | bool | None | Collection[str]
Facts = Mapping[str, Fact]
_CLAIM = re.compile(r"^(?P<fact>[\w.:#-]+)\s+(?P<op>=|!=|>=|<=|>|<|has|lacks)\s+(?P<value>.+)$")


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of `shows`."""

    fact: str
    op: str
    value: str


def read_claim(text: str) -> Claim:
    """The claim of a line such as `mistake.told = 3 × 200`. Raises ValueError."""
    found = _CLAIM.match(text.strip())
    if found is None:
        raise ValueError(f"“{text}” is no claim: write `fact = value`, with = != >= <= > < has or lacks")
    return Claim(found["fact"], found["op"], found["value"].strip())


def unmet(claims: Collection[str], facts: Facts) -> tuple[str, ...]:
    """A line for each claim that the facts do not bear out, with what there was instead."""
    return tuple(
        f"{text} (seen: {written(facts[claim.fact]) if claim.fact in facts else 'no such fact'})"
        for text, claim in ((text, read_claim(text)) for text in claims)
        if claim.fact not in facts or not _holds(claim, facts[claim.fact])
    )


def written(fact: Fact) -> str:
    """A fact as a chapter writes it.

    >>> written(True), written(12), written(("a", "b"))
    ('yes', '12', 'a, b')
    """
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if fact is None:
        return "none"
    return str(fact) if isinstance(fact, str | int | float) else ", ".join(fact)


def _holds(claim: Claim, fact: Fact) -> bool:
    if claim.op in _ORDERED:
        return isinstance(fact, int | float) and _ORDERED[claim.op](fact, float(claim.value))
    if claim.op in ("has", "lacks"):
        return _has(fact, claim.value) == (claim.op == "has")
    return (written(fact) == claim.value) == (claim.op == "=")


def _has(fact: Fact, value: str) -> bool:
    if isinstance(fact, str) or fact is None or isinstance(fact, int | float):
        return value in written(fact)
    return any(value == each or value in each.split() for each in fact)


_ORDERED: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        ">": lambda fact, value: fact > value,
        "<": lambda fact, value: fact < value,
        ">=": lambda fact, value: fact >= value,
        "<=": lambda fact, value: fact <= value,
    }
)
