"""The orders of a variant's steps: how many there are, the simplest first, at random; and sets of them as bits.

Nothing here knows a database. An order is a tuple of step keys in which each session's own order is kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise

from simulator.model import Variant
from simulator.scenarios.order import count_interleavings

Order = tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The step keys of each session, in their own order."""

    sessions: tuple[Order, ...]

    @classmethod
    def of(cls, variant: Variant) -> Plan:
        """Of the steps that the variant's schedule names: one that it leaves out is in no order."""
        named = frozenset(variant.schedule.steps)
        keys = (tuple(step.key for step in each.steps if step.key in named) for each in variant.sessions)
        return cls(tuple(each for each in keys if each))

    @property
    def total(self) -> int:
        """How many orders there are."""
        return count_interleavings(map(len, self.sessions))

    @cached_property
    def lane(self) -> Mapping[str, int]:
        """By step key: the place of its session."""
        return {key: lane for lane, keys in enumerate(self.sessions) for key in keys}

    @cached_property
    def bits(self) -> Mapping[tuple[str, str], int]:
        """By pair of steps of two sessions, in either order: the bit that says which of them comes first."""
        steps = [(lane, key) for lane, keys in enumerate(self.sessions) for key in keys]
        pairs = [(a, b) for lane, a in steps for other, b in steps if lane < other]
        one_way = {pair: 1 << place for place, pair in enumerate(pairs)}
        return {**one_way, **{(b, a): bit for (a, b), bit in one_way.items()}}

    def mask(self, order: Order) -> int:
        """Which step of each pair comes first: two orders are the same where this is.

        >>> plan = Plan((("a", "b"), ("c",)))
        >>> [plan.mask(order) for order in (("a", "b", "c"), ("a", "c", "b"), ("c", "a", "b"))]
        [3, 1, 0]
        """
        found, bits, lane = 0, self.bits, self.lane
        for place, step in enumerate(order):
            for later in order[place + 1 :]:
                if lane[step] < lane[later]:
                    found |= bits[step, later]
        return found

    def switches(self, order: Sequence[str]) -> int:
        """How often a session is interrupted: 0 where each runs from its beginning to its end.

        >>> plan = Plan((("a", "b"), ("c",)))
        >>> plan.switches(("a", "b", "c")), plan.switches(("a", "c", "b"))
        (0, 1)
        """
        changes = sum(self.lane[one] != self.lane[other] for one, other in pairwise(order))
        return changes - len({self.lane[step] for step in order}) + 1

    def simplest_first(self) -> Iterator[Order]:
        """Every order: those with fewer interruptions first, those with as many in the order of the sessions."""
        left = self.total
        for changes in count(max(len(self.sessions) - 1, 0)):
            if not left:
                return
            for order in _with_changes(self.sessions, None, changes):
                left -= 1
                yield order

    def at_random(self, chance: random.Random) -> Iterator[Order]:
        """Orders as chance gives them, each as likely as any other at every draw; none comes twice. Never ends before
        all have come, and takes long for the last ones."""
        drawn: set[int] = set()
        lanes = [lane for lane, keys in enumerate(self.sessions) for _ in keys]
        while len(drawn) < self.total:
            chance.shuffle(lanes)
            own = [iter(keys) for keys in self.sessions]
            order = tuple(next(own[lane]) for lane in lanes)
            mask = self.mask(order)
            if mask not in drawn:
                drawn.add(mask)
                yield order

    def behind(self, prefix: Sequence[str]) -> int:
        """How many orders begin like this."""
        begun = frozenset(prefix)
        return count_interleavings(sum(key not in begun for key in keys) for keys in self.sessions)

    def extensions(self, order: Sequence[str], kept: int) -> int:
        """How many orders of just these steps keep the order of the pairs whose bits are in `kept`.

        >>> plan = Plan((("a", "b"), ("c", "d")))
        >>> plan.extensions(("a", "b", "c", "d"), 0), plan.extensions(("a", "b", "c", "d"), plan.bits["a", "d"])
        (6, 5)
        """
        taken = [tuple(key for key in keys if key in frozenset(order)) for keys in self.sessions]
        before = _predecessors(self, order, kept)
        ways = {tuple(0 for _ in taken): 1}
        for _ in order:
            following: dict[tuple[int, ...], int] = {}
            for state, number in ways.items():
                for lane, keys in enumerate(taken):
                    if state[lane] < len(keys) and _is_free(before[keys[state[lane]]], state):
                        after = (*state[:lane], state[lane] + 1, *state[lane + 1 :])
                        following[after] = following.get(after, 0) + number
            ways = following
        return sum(ways.values())


def _predecessors(plan: Plan, order: Sequence[str], kept: int) -> dict[str, list[tuple[int, int]]]:
    """By step: (session, how many of its steps must be done before)."""
    place = {step: at for at, step in enumerate(order)}
    done = {key: number for keys in plan.sessions for number, key in enumerate((k for k in keys if k in place), 1)}
    found: dict[str, list[tuple[int, int]]] = {step: [] for step in order}
    for at, step in enumerate(order):
        for later in order[at + 1 :]:
            if plan.lane[step] != plan.lane[later] and plan.bits[step, later] & kept:
                found[later].append((plan.lane[step], done[step]))
    return found


def _is_free(before: Sequence[tuple[int, int]], state: Sequence[int]) -> bool:
    return all(state[lane] >= number for lane, number in before)


def _with_changes(sessions: tuple[Order, ...], at: int | None, changes: int) -> Iterator[Order]:
    """Orders in which the session changes just so often from here on; `at` is where it stands."""
    left = sum(bool(keys) for keys in sessions)
    if not left:
        if not changes:
            yield ()
        return
    # Each session that is not the current one needs a change, but for the first; no more come than steps are left.
    least = left - (at is None or bool(sessions[at]))
    if not least <= changes <= sum(map(len, sessions)):
        return
    for lane, keys in enumerate(sessions):
        cost = at is not None and lane != at
        if keys and cost <= changes:
            rest = (*sessions[:lane], keys[1:], *sessions[lane + 1 :])
            for tail in _with_changes(rest, lane, changes - cost):
                yield (keys[0], *tail)
