"""Serial orders of transactions: all of them, the likeliest first, or one that is looked for step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from simulator.model import Row
from simulator.verdict.comparison import Content, Replay, Weight, differences
from simulator.verdict.stages import Nested
from simulator.verdict.transactions import Transaction

Order = tuple[str, ...]

#: Which transactions are done, and the rows that are stored then, in whatever order.
State = tuple[frozenset[str], frozenset[tuple[str, int, frozenset[tuple[Row, int]]]]]

#: (first, second): pairs that an order has to keep.
Before = frozenset[tuple[str, str]]


def serial_orders(transactions: Sequence[Transaction], hint: Order = ()) -> Iterator[tuple[Transaction, ...]]:
    """Every order that keeps each session's own: first those that the clock allows, each beginning with the likeliest.

    Likeliest is the hint, where it names just these transactions, and then the order of the commits.
    """
    preferred = _preferred(transactions, hint)
    own, clock = _own_order(transactions), _clock(transactions)
    yield from _extensions(preferred, own | clock)
    if not clock <= own:
        for order in _extensions(preferred, own):
            if not _keeps(order, clock):
                yield order


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for orders that give every client what it saw, and this content, one transaction on top of others.

    Which transactions are done, and what is stored, decides all that can follow: no such pair is looked at twice, so
    n transactions that have nothing to do with one another cost 2ⁿ looks and not n! orders. Each look calls `count`.
    """

    stage: Nested
    content: Content
    #: numbers of sequences may be others in another run
    generates: bool
    count: Callable[[], None]

    def orders(
        self, transactions: Sequence[Transaction], hint: Order
    ) -> Iterator[tuple[tuple[Transaction, ...], bool]]:
        """Each order that fits, and whether in every value; where not, generated ones may fit by another name."""
        preferred = _preferred(transactions, hint)
        own, clock = _own_order(transactions), _clock(transactions)
        for before in (own | clock, own) if not clock <= own else (own,):
            self.stage.begin()
            yield from self._down((), preferred, before, set(), exact=True)

    def _down(
        self,
        done: tuple[Transaction, ...],
        left: tuple[Transaction, ...],
        before: Before,
        been: set[State],
        *,
        exact: bool,
    ) -> Iterator[tuple[tuple[Transaction, ...], bool]]:
        first = [each for each in left if not any((other.name, each.name) in before for other in left)]
        mark = f"txscope_{len(done)}"
        self.stage.mark(mark)
        for each, same in self._fitting(first, mark):
            self.stage.play_on(each)
            order, rest = (*done, each), tuple(other for other in left if other is not each)
            yield from self._on(order, rest, before, been, exact=exact and same)
            self.stage.roll_back(mark)

    def _on(
        self,
        order: tuple[Transaction, ...],
        rest: tuple[Transaction, ...],
        before: Before,
        been: set[State],
        *,
        exact: bool,
    ) -> Iterator[tuple[tuple[Transaction, ...], bool]]:
        stored = self.stage.content()
        if not rest:
            same = not differences(order, Replay(tuple(t.name for t in order), {}, stored), self.content)
            if same or self.generates:
                yield order, exact and same
            return
        state = _state(order, stored)
        # Numbers that got another name must agree with what comes later: that is no matter of what is stored.
        if state in been and exact:
            return
        been.add(state)
        yield from self._down(order, rest, before, been, exact=exact)

    def _fitting(self, first: Sequence[Transaction], mark: str) -> list[tuple[Transaction, bool]]:
        """Those that fit on top of what is done, and whether in every value; all of them are taken back."""
        found = []
        for each, answers in zip(first, self.stage.look_at(first, mark), strict=True):
            self.count()
            played = Replay((each.name,), {each.name: answers}, None)
            if not differences([each], played, None):
                found.append((each, True))
            elif self.generates:
                (again,) = self.stage.look_at([each], mark, shifted=True)
                different = differences([each], played, None, [Replay((each.name,), {each.name: again}, None)])
                if all(difference.weight is Weight.UNKNOWN for difference in different):
                    found.append((each, False))
        return found


def _state(done: Sequence[Transaction], stored: Content) -> State:
    rows = ((each.name, each.count, frozenset(Counter(each.rows).items())) for each in stored)
    return frozenset(each.name for each in done), frozenset(rows)


def _preferred(transactions: Sequence[Transaction], hint: Order) -> tuple[Transaction, ...]:
    by_name = {each.name: each for each in transactions}
    if len(hint) == len(by_name) and set(hint) == set(by_name):
        return tuple(by_name[name] for name in hint)
    return tuple(transactions)


def _extensions(preferred: tuple[Transaction, ...], before: Before) -> Iterator[tuple[Transaction, ...]]:
    if not preferred:
        yield ()
    for each in preferred:
        if not any((other.name, each.name) in before for other in preferred):
            for rest in _extensions(tuple(other for other in preferred if other is not each), before):
                yield (each, *rest)


def _own_order(transactions: Sequence[Transaction]) -> Before:
    return frozenset(
        (a.name, b.name) for a in transactions for b in transactions if a.session == b.session and a.ended < b.began
    )


def _clock(transactions: Sequence[Transaction]) -> Before:
    return frozenset((a.name, b.name) for a in transactions for b in transactions if a is not b and a.ended < b.began)


def _keeps(order: tuple[Transaction, ...], before: Before) -> bool:
    return all((b.name, a.name) not in before for a, b in combinations(order, 2))
