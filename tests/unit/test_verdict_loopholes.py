"""What looks past snapshots is named where it has to do with what differs, and nowhere else."""

from __future__ import annotations

import pytest

from simulator.engines.base import Relation
from simulator.model import Step
from simulator.verdict.comparison import Difference
from simulator.verdict.loopholes import loopholes
from simulator.verdict.transactions import Seen, Sent
from simulator.verdict.types import Loophole

UPSERT = (
    "CREATE FUNCTION put(x int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO other VALUES (x);"
    " EXCEPTION WHEN unique_violation THEN NULL; END $$"
)
TABLES = (Relation("wallet", ""), Relation("other", ""))


@pytest.mark.parametrize(
    ("others", "setup", "named"),
    [
        (["INSERT INTO other VALUES (1) ON CONFLICT DO NOTHING"], "", ()),
        (["TRUNCATE other"], "", ()),
        (["INSERT INTO wallet VALUES (1) ON CONFLICT DO NOTHING"], "", (Loophole.UNIQUE_CHECK,)),
        (["TRUNCATE Wallet"], "", (Loophole.NOT_MVCC_SAFE,)),
        (["SELECT put(1)"], UPSERT, ()),
        (["SELECT put(1) FROM wallet"], UPSERT, (Loophole.UNIQUE_CHECK,)),
        ([], UPSERT.replace("other", "wallet"), (Loophole.UNIQUE_CHECK,)),
    ],
)
def test_only_what_concerns_the_difference(others: list[str], setup: str, named: tuple[Loophole, ...]) -> None:
    texts = ["SELECT balance FROM wallet", *others]
    sent = [Sent(Step(f"s{place}", "T1", sql), Seen()) for place, sql in enumerate(texts)]
    found = [Difference("T1", "T1.s0", None, (), ((1,),), ((2,),))]
    assert tuple(loopholes(sent, found, TABLES, [f"CREATE TABLE wallet (id int); {setup}"])) == named


def test_a_unique_violation_that_was_caught() -> None:
    sent = [
        Sent(Step("a", "T1", "SELECT 1 FROM wallet"), Seen()),
        Sent(Step("b", "T1", "INSERT INTO wallet VALUES (1)"), Seen(sqlstate="23505")),
    ]
    stored = [Difference(None, None, "wallet", ("id",), (), ((1,),))]
    assert tuple(loopholes(sent, stored, TABLES, ())) == (Loophole.UNIQUE_CHECK,)
    elsewhere = [Difference(None, None, "other", ("id",), (), ((1,),))]
    assert tuple(loopholes(sent, elsewhere, TABLES, ())) == ()
