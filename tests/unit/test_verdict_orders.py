"""Serial orders: the likeliest first, those that the clock allows before the others, none that a session forbids."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engines.base import Relation
from simulator.model import Isolation, Step
from simulator.verdict.orders import Search, serial_orders
from simulator.verdict.transactions import Seen, Sent, Transaction


def transaction(name: str, began: int, ended: int, *effects: str) -> Transaction:
    """Reads and writes as `x=1` (it read 1), `x:=1` (it wrote 1)."""
    session = name.partition(":")[0]
    sent = tuple(Sent(Step(effect, session, effect), Seen(("",), ((),))) for effect in effects)
    return Transaction(name, session, Isolation.READ_COMMITTED, sent, (), began, ended)


def orders(*transactions: Transaction, hint: tuple[str, ...] = ()) -> list[str]:
    return [" ".join(each.name for each in order) for order in serial_orders(transactions, hint)]


def test_all_orders_of_transactions_that_overlap_begin_with_that_of_the_commits() -> None:
    found = orders(transaction("A", 0, 7), transaction("B", 1, 8), transaction("C", 2, 9))
    assert found == ["A B C", "A C B", "B A C", "B C A", "C A B", "C B A"]


def test_a_hint_goes_first_where_it_names_just_these() -> None:
    given = transaction("A", 0, 8), transaction("B", 1, 9)
    assert orders(*given, hint=("B", "A")) == ["B A", "A B"]
    assert orders(*given, hint=("B",)) == ["A B", "B A"]
    assert orders(*given, hint=("B", "X")) == ["A B", "B A"]


def test_orders_against_the_clock_come_last() -> None:
    found = orders(transaction("A", 0, 1), transaction("B", 2, 3), transaction("C", 0, 9))
    assert found == ["A B C", "A C B", "C A B", "B A C", "B C A", "C B A"]


def test_a_session_keeps_its_own_order() -> None:
    found = orders(transaction("A", 0, 1), transaction("A:2", 2, 3), transaction("B", 0, 9))
    assert found == ["A A:2 B", "A B A:2", "B A A:2"]


def test_nothing_has_one_order() -> None:
    assert orders() == [""]


class Store:
    """A stage in memory: a transaction fits where every `x=1` in it is what is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.marks: dict[str, dict[str, str]] = {}
        self.looks = 0

    def begin(self) -> None:
        self.stored, self.marks = {}, {}

    def mark(self, name: str) -> None:
        self.marks[name] = dict(self.stored)

    def roll_back(self, name: str) -> None:
        self.stored = dict(self.marks[name])

    def play_on(self, transaction: Transaction) -> None:
        for sent in transaction.sent:
            name, _, value = sent.step.sql.partition(":=")
            if value:
                self.stored[name] = value

    def look_at(self, transactions: Sequence[Transaction], mark: str, *, shifted: bool = False) -> list[list[Seen]]:
        self.looks += len(transactions)
        return [[self._seen(sent) for sent in each.sent] for each in transactions]

    def _seen(self, sent: Sent) -> Seen:
        name, _, value = sent.step.sql.partition("=")
        if name.endswith(":"):
            return sent.seen
        return sent.seen if self.stored.get(name, "0") == value else Seen(("",), (((1,),),))

    def content(self) -> tuple[Relation, ...]:
        rows = tuple(self.stored.items())
        return (Relation("x", "", True, True, ("name", "value"), rows, len(rows)),)


def searched(*transactions: Transaction, **stored: str) -> tuple[list[str], Store]:
    store = Store()
    rows = tuple(stored.items())
    content = (Relation("x", "", True, True, ("name", "value"), rows, len(rows)),)
    search = Search(store, content, False, lambda: None)  # type: ignore[arg-type]
    found = [" ".join(each.name for each in order) for order, _ in search.orders(transactions, ())]
    return found, store


def test_the_order_that_explains_every_read_is_found() -> None:
    found, _ = searched(
        transaction("A", 0, 7, "y=1", "x:=1"),
        transaction("B", 0, 8, "x=1"),
        transaction("C", 0, 9, "y:=1"),
        x="1",
        y="1",
    )
    assert found[0] == "C A B"


def test_a_ring_of_reads_has_no_order() -> None:
    ring = [transaction(f"T{n}", n, 90 + n, f"v{(n + 1) % 6}=0", f"v{n}:=1") for n in range(6)]
    found, store = searched(*ring, **{f"v{n}": "1" for n in range(6)})
    assert found == []
    # Each set of transactions once: 6 · 2⁵ looks, and not 6! orders.
    assert store.looks <= 6 * 2**5


def test_what_is_stored_at_the_end_decides_between_blind_writes() -> None:
    found, _ = searched(transaction("A", 0, 8, "x:=1"), transaction("B", 0, 9, "x:=2"), x="1")
    assert found == ["B A"]


def test_an_order_against_the_clock_is_found_after_all_others() -> None:
    found, _ = searched(
        transaction("A", 0, 9, "y=0", "x:=1"),
        transaction("B", 1, 2, "y:=1"),
        transaction("C", 3, 4, "x=0"),
        x="1",
        y="1",
    )
    assert found == ["C A B"]
