"""What a serial order gives other than the run: rows as multisets, generated values as what they are."""

from __future__ import annotations

from math import nan

import pytest

from simulator.engines.base import Relation
from simulator.model import Isolation, Row, Scalar, Step
from simulator.verdict.comparison import Difference, Replay, Weight, could_be, differences, permuted
from simulator.verdict.generated import SHIFT, Numbers
from simulator.verdict.transactions import Seen, Sent, Transaction

READ = "SELECT id, v FROM item"


def transaction(*steps: tuple[str, Seen], name: str = "T1") -> Transaction:
    sent = tuple(Sent(Step(f"s{place}", name, sql), seen) for place, (sql, seen) in enumerate(steps))
    return Transaction(name, name, Isolation.READ_COMMITTED, sent, (), 0, 1)


def rows(*given: Row) -> Seen:
    return Seen((f"SELECT {len(given)}",), (given,))


def compared(sql: str, run: Seen, serial: Seen, *others: Seen) -> list[Difference]:
    """Of one step: what its client saw, what a serial order gives, and what that order gives when it is run again."""
    again = [Replay(("T1",), {"T1": [each]}, None) for each in others]
    replay = Replay(("T1",), {"T1": [serial]}, None)
    return list(differences([transaction((sql, run))], replay, None, again))


@pytest.mark.parametrize(
    ("run", "serial"),
    [
        (rows((1, 0), (2, 0)), rows((2, 0), (1, 0))),
        (rows((1, nan)), rows((1, nan))),
        (rows((1, 0.1 + 0.2 + 0.3)), rows((1, 0.3 + 0.2 + 0.1))),
        (rows((1, None)), rows((1, None))),
        (rows(), rows()),
    ],
)
def test_the_same_rows(run: Seen, serial: Seen) -> None:
    assert compared(READ, run, serial) == []


@pytest.mark.parametrize(
    ("run", "serial", "only_seen", "only_serial"),
    [
        (rows((1, 0), (1, 0)), rows((1, 0)), ((1, 0),), ()),
        (rows((1, 0)), rows((1, 1)), ((1, 0),), ((1, 1),)),
        (rows((1, True)), rows((1, 1)), ((1, True),), ((1, 1),)),
        (rows((1, "1")), rows((1, 1)), ((1, "1"),), ((1, 1),)),
        (rows((1, None)), rows((1, 0)), ((1, None),), ((1, 0),)),
        (rows((1, 1234567890123.45)), rows((1, 1234567890123.46)), ((1, 1234567890123.45),), ((1, 1234567890123.46),)),
    ],
)
def test_other_rows(run: Seen, serial: Seen, only_seen: tuple[Row, ...], only_serial: tuple[Row, ...]) -> None:
    (found,) = compared(READ, run, serial)
    assert (found.seen, found.serial, found.weight) == (only_seen, only_serial, Weight.PLAIN)


def test_every_result_of_a_step_counts() -> None:
    run = Seen(("SELECT 1", "SELECT 1"), (((1,),), ((2,),)))
    serial = Seen(("SELECT 1", "SELECT 1"), (((0,),), ((2,),)))
    (found,) = compared("SELECT a; SELECT b", run, serial)
    assert (found.seen, found.serial) == (((1,),), ((0,),))


@pytest.mark.parametrize(
    ("run", "serial", "status"),
    [
        (Seen(sqlstate="23505"), Seen(("INSERT 0 1",), ((),)), ("23505", "INSERT 0 1")),
        (Seen(("UPDATE 1",), ((),)), Seen(("UPDATE 0",), ((),)), ("UPDATE 1", "UPDATE 0")),
        (Seen(skipped=True), Seen(("UPDATE 1",), ((),)), ("skipped", "UPDATE 1")),
        (Seen(sqlstate="23505"), Seen(sqlstate="23503"), ("23505", "23503")),
    ],
)
def test_tags_errors_and_guards_count(run: Seen, serial: Seen, status: tuple[str, str]) -> None:
    (found,) = compared("INSERT INTO item VALUES (1, 1)", run, serial)
    assert (found.seen_status, found.serial_status) == status


def test_a_value_that_the_server_generates_may_be_any() -> None:
    assert compared(READ, rows((1, "b3")), rows((1, "a1")), rows((1, "a2"))) == []
    # What another run gives again is not generated.
    assert compared(READ, rows((1, "b3")), rows((1, "a1")), rows((1, "a1"))) != []
    # Nor is there more of it, or less.
    assert compared(READ, rows((1, "b3"), (1, "b4")), rows((1, "a1")), rows((1, "a2"))) != []
    assert compared(READ, rows((2, "b3")), rows((1, "a1")), rows((1, "a2"))) != []


def test_numbers_of_a_sequence_are_the_same_up_to_other_names() -> None:
    serial, again = rows((1, "a"), (2, "b")), rows((1 + SHIFT, "a"), (2 + SHIFT, "b"))
    assert compared(READ, rows((2, "a"), (1, "b")), serial, again) == []
    # Two rows cannot have one number.
    assert compared(READ, rows((2, "a"), (2, "b")), serial, again) != []


def test_a_number_keeps_its_other_name_from_step_to_step_and_in_the_tables() -> None:
    run = transaction((READ, rows((7,))), (READ, rows((7,))))
    serial = Replay(("T1",), {"T1": [rows((1,)), rows((1,))]}, (relation(((1, "a"),)),))
    again = Replay(("T1",), {"T1": [rows((1 + SHIFT,)), rows((1 + SHIFT,))]}, (relation(((1 + SHIFT, "a"),)),))
    assert differences([run], serial, (relation(((7, "a"),)),), [again]) == ()
    (found,) = differences([run], serial, (relation(((8, "a"),)),), [again])
    assert found.relation == "item"


@pytest.mark.parametrize(
    ("serial", "again"),
    [
        ("4f1c9a52-0000-4000-8000-000000000001", "4f1c9a52-0000-4000-8000-000000000002"),
        ("2026-01-01 10:00:00.1+00", "2026-01-01 10:00:07.1+00"),
        ("ORD-1", f"ORD-{1 + SHIFT}"),
        ("x1", "y2"),
    ],
)
def test_a_generated_value_is_the_same_wherever_it_is_read(serial: str, again: str) -> None:
    def read_twice(first: str, second: str) -> list[Difference]:
        run = transaction((READ, rows((first,))), (READ, rows((second,))))
        replay, other = (Replay(("T1",), {"T1": [rows((each,))] * 2}, None) for each in (serial, again))
        return list(differences([run], replay, None, [other]))

    # Any two that look like it: those of the other run.
    assert read_twice(again, again) == []
    (found,) = read_twice(serial, again)
    assert found.weight is Weight.NAMES


def test_two_generated_values_are_two_in_the_run() -> None:
    serial, again = rows((1, "a1"), (2, "a2")), rows((1, "b1"), (2, "b2"))
    assert compared(READ, rows((1, "c1"), (2, "c2")), serial, again) == []
    assert compared(READ, rows((1, "c1"), (2, "c1")), serial, again) != []
    assert compared(READ, rows((1, "c1"), (2, "c2")), rows((1, "a1"), (2, "a1")), rows((1, "b1"), (2, "b1"))) != []


def test_what_stands_beside_a_generated_part_counts() -> None:
    serial = rows(('{"b": 120, "at": "2026-01-01T10:00:00.5+00:00"}',))
    again = rows(('{"b": 120, "at": "2026-01-01T10:00:09.25+00:00"}',))
    assert compared(READ, rows(('{"b": 120, "at": "2026-01-01T09:59:58+00:00"}',)), serial, again) == []
    (found,) = compared(READ, rows(('{"b": 130, "at": "2026-01-01T09:59:58+00:00"}',)), serial, again)
    assert found.weight is Weight.PLAIN


@pytest.mark.parametrize("sign", ["_", "-", "/", " ", ":", ", ", "."])
def test_what_stands_beside_it_counts_whatever_stands_between(sign: str) -> None:
    serial, again = (rows((f"balance{sign}120{sign}{name}",)) for name in ("a1f", "b2e"))
    assert compared(READ, rows((f"balance{sign}120{sign}c3d",)), serial, again) == []
    assert compared(READ, rows((f"balance{sign}130{sign}c3d",)), serial, again) != []


def test_who_else_runs_is_no_data() -> None:
    assert compared(READ, rows(("741:745:741,743",)), rows(("750:750:",)), rows(("760:760:",))) == []


def test_times_that_are_reckoned_from_one_moment_move_together() -> None:
    def of(base: int, more: int) -> Seen:
        return rows((1, f"2026-01-01 10:00:{base:02}.5+00"), (2, f"2026-01-01 {10 + more}:00:{base:02}.5+00"))

    assert compared(READ, of(30, 1), of(1, 1), of(8, 1)) == []
    # An hour more, or an hour that was lost.
    assert compared(READ, of(30, 1), of(1, 2), of(8, 2)) != []


def test_rows_that_ask_the_clock_at_once() -> None:
    serial = rows((1, "2026-01-01 10:00:00.000001+00"), (2, "2026-01-01 10:00:00.000001+00"))
    again = rows((1, "2026-01-01 10:00:05.000001+00"), (2, "2026-01-01 10:00:05.000002+00"))
    run = rows((1, "2026-01-01 09:00:00.000007+00"), (2, "2026-01-01 09:00:00.000008+00"))
    assert compared(READ, run, serial, again) == []


@pytest.mark.parametrize(("serial", "again", "run"), [(7, 9, 8), (0.5, 0.7, 0.6), ("7.5 kg", "9.5 kg", "8.5 kg")])
def test_what_is_reckoned_from_generated_values_proves_nothing(serial: Scalar, again: Scalar, run: Scalar) -> None:
    (found,) = compared(READ, rows((1, run)), rows((1, serial)), rows((1, again)))
    assert found.weight is Weight.UNKNOWN


def test_numbers_that_name_something_are_bound() -> None:
    run = transaction((READ, rows((7, "91"))), (READ, rows((8, "91"))))
    serial, again = (
        Replay(("T1",), {"T1": [rows((1, "5"))] * 2}, None),
        Replay(("T1",), {"T1": [rows((2, "6"))] * 2}, None),
    )
    (found,) = differences([run], serial, None, [again], numbers=Numbers(identify=True))
    assert (found.step, found.weight) == ("T1.s1", Weight.NAMES)


def test_numbers_that_no_sequence_has_given_are_reckoned() -> None:
    def weights(number: int, moved: int) -> list[Weight]:
        run = transaction((READ, rows((number + 1,))))
        serial, again = (Replay(("T1",), {"T1": [rows((each,))]}, None) for each in (number, number + moved * SHIFT))
        return [each.weight for each in differences([run], serial, None, [again], numbers=Numbers(highest=(9,)))]

    assert weights(9, 1) == []
    assert weights(501, 1) == [Weight.UNKNOWN]
    # There is one sequence: this is a sum of two of its numbers.
    assert weights(5, 2) == [Weight.UNKNOWN]


def test_a_digest_of_generated_values_proves_nothing() -> None:
    stored = [relation(((n, n),), count=1500, digest=True) for n in (11, 12, 13)]
    serial, again = (Replay(("T1",), {"T1": []}, (each,)) for each in stored[:2])
    (found,) = differences([transaction()], serial, (stored[2],), [again], numbers=Numbers(identify=True))
    assert found.weight is Weight.UNKNOWN


def test_rows_that_differ_only_in_generated_values_are_named_by_what_was_read_before() -> None:
    tables = [relation(((f"{run}1", "x"), (f"{run}2", "x"))) for run in ("a", "b", "c")]
    serial, again = (
        Replay(("T1",), {"T1": [rows((f"{run}2",))]}, (table,)) for run, table in zip("ab", tables, strict=False)
    )
    assert differences([transaction((READ, rows(("c1",))))], serial, (tables[2],), [again]) == ()
    (found,) = differences([transaction((READ, rows(("d9",))))], serial, (tables[2],), [again])
    assert found.relation == "item"


def test_values_that_are_gathered_in_another_order() -> None:
    (found,) = compared("SELECT array_agg(id) FROM job", rows(("{1,2}",)), rows(("{2,1}",)))
    assert permuted(found)
    (found,) = compared("SELECT array_agg(id) FROM job", rows(("{1,2}",)), rows(("{2,3}",)))
    assert not permuted(found)


def test_numbers_of_two_sequences_do_not_take_names_from_each_other() -> None:
    serial, again = rows((1, 1)), rows((1 + SHIFT, 1 + 2 * SHIFT))
    assert compared(READ, rows((5, 6)), serial, again) == []


def test_where_a_row_version_lies_is_no_data() -> None:
    look = "SELECT ctid, v FROM item"
    assert compared(look, rows(("(0,5)", 1)), rows(("(0,2)", 1)), rows(("(0,2)", 1))) == []
    assert compared(look, rows(("(0,5)", 2)), rows(("(0,2)", 1)), rows(("(0,2)", 1))) != []
    assert compared(READ, rows(("(0,5)", 1)), rows(("(0,2)", 1)), rows(("(0,2)", 1))) != []


def test_what_asks_about_the_server_is_not_compared() -> None:
    assert compared("SELECT count(*) FROM pg_locks", rows((9,)), rows((1,))) == []


def test_an_order_that_tells_of_what_is_not_seen() -> None:
    (found,) = compared("SELECT id FROM job ORDER BY priority", rows((1,), (2,)), rows((2,), (1,)))
    assert found.weight is Weight.ORDER
    assert compared("SELECT id FROM job ORDER BY id", rows((1,), (2,)), rows((2,), (1,))) == []


@pytest.mark.parametrize("sql", ["SELECT id FROM job LIMIT 1", "SELECT array_agg(id) FROM job"])
def test_what_depends_on_the_place_of_rows_weighs_less(sql: str) -> None:
    (found,) = compared(sql, rows((1,)), rows((2,)))
    assert found.weight is Weight.PLACE
    assert could_be(found, ((1,), (2,), (3,)))
    assert not could_be(found, ((2,), (3,)))


def relation(
    given: tuple[Row, ...], *, definition: str = "id int, v text", count: int | None = None, digest: bool = False
) -> Relation:
    return Relation("item", definition, True, True, ("id", "v"), given, len(given) if count is None else count, digest)


@pytest.mark.parametrize(
    ("serial", "stored"),
    [
        (relation(((1, "a"),)), relation(((1, "b"),))),
        (relation(((1, "a"),)), relation(())),
        (relation(((1, "a"),)), relation(((1, "a"),), definition="id int, v text, w int")),
        (relation(((11, 12),), count=1500, digest=True), relation(((11, 13),), count=1500, digest=True)),
        (relation(((11, 12),), count=1500, digest=True), relation(((11, 12),), count=1501, digest=True)),
        (relation(()), Relation("other", "id int")),
    ],
)
def test_what_is_stored_is_compared_by_relation(serial: Relation, stored: Relation) -> None:
    found = differences([transaction()], Replay(("T1",), {"T1": []}, (serial,)), (stored,))
    assert {each.relation for each in found} == {serial.name, stored.name}
    assert differences([transaction()], Replay(("T1",), {"T1": []}, (serial,)), (serial,)) == ()


def test_an_order_that_ended_early_is_compared_as_far_as_it_came() -> None:
    run = transaction((READ, rows((1, 0))), (READ, rows((2, 0))))
    replay = Replay(("T1",), {"T1": [rows((1, 0))]}, None)
    assert differences([run], replay, (relation(()),)) == ()
