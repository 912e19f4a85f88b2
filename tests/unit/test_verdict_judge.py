"""One verdict from the replay, the graph and the rule, row by row of both tables; and each in a sentence."""

from __future__ import annotations

import pytest

from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Evidence, Verdict
from simulator.i18n.text import Text
from simulator.model import Outcome, Row
from simulator.verdict import explain
from simulator.verdict.comparison import Difference
from simulator.verdict.explain import changed_values, explain_differences, explain_finding, order_words
from simulator.verdict.judge import Facts, Finding, finding_of, gaps, outcome_of
from simulator.verdict.types import NOT_REPLAYED, Loophole, Replayed, Serial

CYCLE = Verdict(
    anomalies=(
        Anomaly(
            "G2-item",
            (
                Dependency("T1", "T2", DependencyKind.RW, Evidence("item 1", before=0, after=1)),
                Dependency("T2", "T1", DependencyKind.RW, Evidence("item 2", before=0, after=1)),
            ),
        ),
    )
)
SILENT = Verdict(no_verdict=Text.of("The statement could not be followed."))
SAFE = Verdict(serial_order=("T1", "T2"))

ORDER = ("T1", "T2")
KEYS = {"item": ("id",)}
STORED = Difference(None, None, "item", ("id", "v"), ((1, 150),), ((1, 130),))
YES = Replayed(Serial.YES, ORDER)
NO = Replayed(Serial.NO, ORDER, (STORED,))
BACKWARDS = Replayed(Serial.YES, ORDER, against_clock=(ORDER,))
BY_DESIGN = Replayed(
    Serial.BY_DESIGN, ORDER, (Difference("T2", "T2.take", None, (), ((1,),), ((2,),), "SELECT 1", "SELECT 1"),)
)
UNDECIDED = Replayed(Serial.UNDECIDED, reason=Text.of("There are too many orders to run every one of them."))


@pytest.mark.parametrize(
    ("replayed", "graph", "rule", "finding"),
    [
        (UNDECIDED, SAFE, None, Finding.UNCONFIRMED),
        (UNDECIDED, CYCLE, False, Finding.UNCONFIRMED),
        (BY_DESIGN, CYCLE, None, Finding.BY_DESIGN),
        (BY_DESIGN, SILENT, False, Finding.BY_DESIGN),
        (NO, CYCLE, None, Finding.NAMED),
        (NO, CYCLE, False, Finding.NAMED),
        (NO, SILENT, None, Finding.UNNAMED),
        (NO, SAFE, None, Finding.UNNAMED),
        (YES, SAFE, False, Finding.RULE_BROKEN_SERIALLY),
        (YES, CYCLE, False, Finding.RULE_BROKEN_SERIALLY),
        (YES, CYCLE, True, Finding.RISK),
        (BACKWARDS, CYCLE, None, Finding.RISK),
        (BACKWARDS, SAFE, None, Finding.AGAINST_CLOCK),
        (Replayed(Serial.YES), SAFE, True, Finding.NOTHING_COMMITTED),
        (YES, SILENT, None, Finding.SERIALIZABLE),
        (YES, SAFE, True, Finding.SERIALIZABLE),
    ],
)
def test_the_finding(replayed: Replayed, graph: Verdict, rule: bool | None, finding: Finding) -> None:
    assert finding_of(Facts(replayed, graph, rule)) is finding


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (Facts(NO, CYCLE, False, ("40001",), retried=True), Outcome.ANOMALY),
        (Facts(NO, SILENT), Outcome.ANOMALY),
        (Facts(UNDECIDED, CYCLE), Outcome.UNDECIDED),
        (Facts(YES, SAFE, False, ("40001",)), Outcome.RULE_BROKEN),
        (Facts(UNDECIDED, SAFE, False), Outcome.RULE_BROKEN),
        (Facts(YES, SAFE, waits_for_ever=True, given_up=("40001",)), Outcome.WAITS_FOR_EVER),
        (Facts(BY_DESIGN, SAFE, given_up=("40001",)), Outcome.BY_DESIGN),
        (Facts(YES, SAFE, given_up=("40001", "40P01")), Outcome.DEADLOCK),
        (Facts(YES, SAFE, given_up=("23505",), retried=True), Outcome.ABORTED),
        (Facts(YES, SAFE, given_up=(None,)), Outcome.ABORTED),
        (Facts(YES, SAFE, retried=True), Outcome.RETRIED),
        (Facts(UNDECIDED, SAFE, retried=True), Outcome.RETRIED),
        (Facts(UNDECIDED, SAFE), Outcome.UNDECIDED),
        (Facts(YES, CYCLE, True), Outcome.SAFE),
        (Facts(BACKWARDS, SAFE), Outcome.SAFE),
        (Facts(YES, SAFE), Outcome.SAFE),
    ],
)
def test_the_outcome(facts: Facts, outcome: Outcome) -> None:
    assert outcome_of(facts) is outcome


def test_gaps_of_the_graph_are_counted_where_it_gave_an_answer() -> None:
    assert gaps([Facts(NO, SAFE), Facts(YES, CYCLE), Facts(NO, SILENT), Facts(NO, CYCLE), Facts(YES, SAFE)]) == 2


def test_every_finding_and_every_loophole_has_words() -> None:
    assert set(explain._LINES) == set(Finding)
    assert set(explain._LOOPHOLES) == set(Loophole)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts(Replayed(Serial.YES), SAFE), "Nothing was committed."),
        (Facts(YES, SILENT), "As if T1 ran first, then T2."),
        (Facts(BACKWARDS, SAFE), "Only an order that the clock forbids explains it: T2 had committed before T1 began."),
        (Facts(YES, CYCLE), "With other values it could go wrong."),
        (Facts(YES, SAFE, False), "T1, then T2, break the rule too: no isolation level helps."),
        (Facts(Replayed(Serial.YES, ORDER, left_out=("T2.lock",)), SAFE, False), "was refused because of others"),
        (Facts(NO, CYCLE, keys=KEYS), "T1, then T2, would have stored v 150 in item 1; 130 is stored."),
        (Facts(NO, CYCLE), "Write skew"),
        (Facts(NO, SILENT), "It has no name here, since not every row could be followed."),
        (Facts(BY_DESIGN, SILENT), "Not serial, as a statement wants it that would rather do without than wait."),
        (Facts(UNDECIDED, CYCLE), "Not confirmed by running the transactions one after another: There are too many"),
        (Facts(NOT_REPLAYED, SAFE), "The run did not come to its end, so nothing was run again."),
        (Facts(Replayed(Serial.NO, ORDER, loopholes=(Loophole.UNIQUE_CHECK,)), SILENT), "A unique check takes part"),
        (Facts(Replayed(Serial.NO, ORDER, loopholes=(Loophole.UNIQUE_CHECK,)), CYCLE), "A unique check takes part"),
        (Facts(Replayed(Serial.NO, ORDER, loopholes=(Loophole.NOT_MVCC_SAFE,)), SILENT), "TRUNCATE or ALTER TABLE"),
        (Facts(Replayed(Serial.YES, ORDER, not_compared=("T1.locks",)), SAFE), "T1.locks ask the server about itself"),
        (Facts(Replayed(Serial.YES, ORDER, left_out=("T2.lock",)), SAFE), "T2.lock had been refused"),
    ],
)
def test_each_finding_in_words(facts: Facts, words: str) -> None:
    assert words in " ".join(line.english() for line in explain_finding(facts))


def test_an_order_that_no_replay_confirmed_is_never_shown() -> None:
    for replayed in (UNDECIDED, NOT_REPLAYED):
        assert "As if" not in " ".join(line.english() for line in explain_finding(Facts(replayed, SAFE)))


def step(
    serial: tuple[Row, ...] = (), seen: tuple[Row, ...] = (), statuses: tuple[str, str] = ("SELECT 1", "SELECT 1")
) -> Difference:
    return Difference("T2", "T2.a", None, (), serial, seen, *statuses)


def stored(
    serial: tuple[Row, ...] = (), seen: tuple[Row, ...] = (), statuses: tuple[str, str] = ("", "")
) -> Difference:
    return Difference(None, None, "item", ("id", "v"), serial, seen, *statuses)


def told(*differences: Difference) -> tuple[Text, ...]:
    """Of a table whose key is `id`."""
    return explain_differences(Facts(Replayed(Serial.NO, ORDER, differences), SILENT, keys=KEYS))


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (stored(((1, 150),), ((1, 130),)), ["T1, then T2, would have stored v 150 in item 1; 130 is stored."]),
        (stored(((1, 150),)), ["T1, then T2, would have left these rows in item, and they are not there: 1, 150."]),
        (
            stored((), ((1, 130), (2, 0))),
            ["T1, then T2, would not have left these rows in item, and they are there: 1, 130 | 2, 0."],
        ),
        (
            stored(((1, 0),), ((2, 0),)),
            [
                "T1, then T2, would have left these rows in item, and they are not there: 1, 0.",
                "T1, then T2, would not have left these rows in item, and they are there: 2, 0.",
            ],
        ),
        (
            stored(statuses=("id int", "id int, v int")),
            ["T1, then T2, would have left item otherwise: id int; now it is id int, v int."],
        ),
        (step(((1,),), ((0,),)), ["T1, then T2, would have answered 1 to T2.a; it saw 0."]),
        (step((), ((0,),)), ["T1, then T2, would have answered no row to T2.a; it saw 0."]),
        (
            step(statuses=("INSERT 0 1", "23505")),
            ["T1, then T2, would have come to INSERT 0 1 at T2.a; here it came to 23505."],
        ),
        (step(statuses=("skipped", "UPDATE 1")), ["T1, then T2, would have left T2.a out; here it was sent."]),
        (step(statuses=("UPDATE 1", "skipped")), ["T1, then T2, would have sent T2.a; here it was left out."]),
    ],
)
def test_each_shape_of_a_difference_in_words(difference: Difference, words: list[str]) -> None:
    found = told(difference)
    assert [line.english() for line in found] == words


def test_what_is_stored_is_told_before_what_was_seen() -> None:
    found = told(step(((1,),), ((0,),)), STORED)
    assert [line.english().split(" would have ")[1][:6] for line in found] == ["stored", "answer"]


def test_many_rows_are_cut() -> None:
    (found,) = told(stored(tuple((n, 0) for n in range(9))))
    assert found.english().endswith("0, 0 | 1, 0 | 2, 0 | 3, 0 ….")


def test_changed_values_belong_to_a_row_that_is_known_by_its_key() -> None:
    (changed,) = changed_values(stored(((1, 150),), ((1, 130),)), ("id",))
    assert (changed.row, changed.column, changed.serial, changed.seen) == ("item 1", "v", 150, 130)
    assert changed_values(stored(((1, 0),), ((2, 0),)), ("id",)) == ()
    assert changed_values(stored(((1, 150),), ((1, 130),)), ()) == ()
    assert changed_values(step(((1,),), ((0,),)), ("id",)) == ()


def test_orders_in_words() -> None:
    assert [order_words(names).english() for names in (("T1",), ("T1", "T2"), ("T1", "T2", "T3"))] == [
        "T1 alone",
        "T1, then T2,",
        "T1, T2, T3 one after another",
    ]
