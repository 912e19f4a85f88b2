"""The verdict in words: nothing is said that was not observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from simulator.anomalies.checker import check
from simulator.anomalies.types import Verdict
from simulator.i18n.text import Text
from simulator.model import Outcome, Row
from simulator.verdict.comparison import Difference
from simulator.verdict.explain import explain_differences, explain_finding
from simulator.verdict.judge import Facts, outcome_of
from simulator.verdict.types import Replayed, Serial
from tests.histories.checker.builder import Played

LOST = "Lost update (P4): T2 did not see what T1 wrote in account 1; T2 overwrote what T1 had written in account 1."


def stored(serial: Row, seen: Row, columns: tuple[str, ...], relation: str) -> Difference:
    return Difference(None, None, relation, columns, (serial,), (seen,))


def not_serial(*found: Difference, graph: Verdict | None = None, keys: Mapping[str, tuple[str, ...]]) -> Facts:
    order = ("T1", "T2")
    return Facts(Replayed(Serial.NO, order, found), graph or Verdict(), keys=keys)


@pytest.mark.parametrize(
    ("key", "columns", "serial", "seen", "sentence"),
    [
        (("id",), ("id", "n"), (1, 2), (1, 1), "T1, then T2, would have stored n 2 in t 1; 1 is stored."),
        # The first column is not the key, or not the whole of it.
        (("id",), ("g", "id", "n"), ("a", 1, 2), ("a", 1, 1), "would have stored n 2 in t 1; 1 is stored."),
        (("y", "m"), ("y", "m", "n"), (1, 2, 5), (1, 2, 3), "would have stored n 5 in t 1, 2; 3 is stored."),
        # Without a key the rows are told whole, and so they are where the key itself is another.
        ((), ("id", "n"), (1, 2), (1, 1), "would have left these rows in t, and they are not there: 1, 2."),
        (("id",), ("id", "n"), (1, 2), (2, 2), "would have left these rows in t, and they are not there: 1, 2."),
    ],
)
def test_a_row_is_named_by_its_key(
    key: tuple[str, ...], columns: tuple[str, ...], serial: Row, seen: Row, sentence: str
) -> None:
    facts = not_serial(stored(serial, seen, columns, "t"), keys={"t": key} if key else {})
    assert str(explain_differences(facts)[0]).endswith(sentence)


@pytest.mark.parametrize(
    ("order", "uncommitted", "sentence"),
    [
        (("T1", "T2"), (), "T1, then T2, break the rule too: no isolation level helps."),
        (("T1",), (), "T1 alone breaks the rule too: no isolation level helps."),
        # T2 gave up: with it the rule may hold, at another level too.
        (("T1",), ("T2",), "Not all of T2 was committed: whether the rule holds with it was not seen."),
        ((), ("T1", "T2"), "Not all of T1, T2 was committed: whether the rule holds with it was not seen."),
    ],
)
def test_no_level_is_blamed_where_somebody_gave_up(
    order: tuple[str, ...], uncommitted: tuple[str, ...], sentence: str
) -> None:
    facts = Facts(Replayed(Serial.YES, order), Verdict(), rule_holds=False, uncommitted=uncommitted)
    (said,) = map(str, explain_finding(facts))
    assert said == sentence


def overwritten(*amounts: int) -> Verdict:
    """The graph of transactions that read one balance of 100 before each stored it with its own amount added."""
    run = Played({1: (1, 100)})
    names = [f"T{place}" for place in range(1, 1 + len(amounts))]
    for name in names:
        run.step(name, "SELECT balance FROM account WHERE id = 1", (100,))
    for name, amount in zip(names, amounts, strict=True):
        run.step(name, f"UPDATE account SET balance = {100 + amount} WHERE id = 1", tag="UPDATE 1")
        run.commit(name, r1=(1, 100 + amount))
    return check(run.history())


@pytest.mark.parametrize(
    ("amounts", "expected", "sentence"),
    [
        ((20, 30), 150, "T1's +20 on balance of account 1 is lost: 130 is stored, 150 expected."),
        ((-20, 30), 110, "T1's −20 on balance of account 1 is lost: 130 is stored, 110 expected."),
        ((20, 30, 50), 200, "balance of account 1: 150 is stored, 200 expected: the changes of T1, T2 are lost."),
        # What is missing is not what the writer had added: it depends on more than these two values.
        ((20, 30), 156, "T1's change of balance in account 1 is lost: 130 is stored, 156 expected."),
    ],
)
def test_a_lost_change_is_whose_it_is(amounts: tuple[int, ...], expected: int, sentence: str) -> None:
    difference = stored((1, expected), (1, 100 + amounts[-1]), ("id", "balance"), "account")
    facts = not_serial(difference, graph=overwritten(*amounts), keys={"account": ("id",)})
    assert str(explain_finding(facts)[0]) == sentence


def test_a_cycle_is_no_anomaly_until_a_replay_confirms_it() -> None:
    graph = overwritten(20, 30)
    unconfirmed = Facts(Replayed(Serial.UNDECIDED, reason=Text("There are too many orders.")), graph, retried=True)
    assert outcome_of(unconfirmed) is Outcome.UNDECIDED
    assert [str(line) for line in explain_finding(unconfirmed)] == [
        f"Perhaps an anomaly. {LOST}",
        "Not confirmed by running the transactions one after another: There are too many orders.",
    ]
    assert outcome_of(replace(unconfirmed, rule_holds=False)) is Outcome.RULE_BROKEN


def test_a_risk_is_safe_here() -> None:
    risk = Facts(Replayed(Serial.YES, ("T1", "T2")), overwritten(20, 30))
    assert outcome_of(risk) is Outcome.SAFE
    assert [str(line) for line in explain_finding(risk)] == [
        "As if T1 ran first, then T2.",
        f"With other values it could go wrong. {LOST}",
    ]


def test_a_value_in_a_sentence_is_short_and_never_nothing() -> None:
    long = stored((1, "x" * 15_000 + "0"), (1, "x" * 15_000 + "1"), ("id", "body"), "t")
    (line,) = map(str, explain_differences(not_serial(long, keys={"t": ("id",)})))
    assert len(line) < 200
    # They differ in what is left of them, too.
    assert "x0 in t 1; xxx" in line
    assert line.endswith("x1 is stored.")
    empty = Difference("T1", "T1.read", None, (), ((None,),), (("",),))
    assert str(explain_differences(not_serial(empty, keys={}))[0]).endswith("NULL to T1.read; it saw ''.")
