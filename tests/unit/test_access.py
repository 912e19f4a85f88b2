"""What can be followed in a step's SQL, and what is refused."""

from __future__ import annotations

import pytest

from simulator.anomalies.access import Access, Kind, ProbePlan, Unsupported, accesses, bind, probes
from simulator.anomalies.sql import UnknownValueError, evaluate


def only(sql: str) -> Access:
    found = accesses(sql)
    assert not isinstance(found, Unsupported), found.reason
    (access,) = found
    return access


def refused(sql: str) -> str:
    found = accesses(sql)
    assert isinstance(found, Unsupported)
    return found.reason


def test_a_select_by_key() -> None:
    access = only("SELECT id, Balance FROM Account WHERE id = 1")
    assert (access.kind, access.table, access.condition) == (Kind.READ, "account", "id = 1")
    assert access.columns == ("id", "balance")
    assert not access.locking
    assert not access.aggregate


@pytest.mark.parametrize("clause", ["FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE NOWAIT", "FOR KEY SHARE OF account"])
def test_a_lock_clause_is_taken_off_for_the_observer(clause: str) -> None:
    access = only(f"SELECT * FROM account WHERE id = 1 {clause}")
    assert access.locking
    assert access.plain_select == "SELECT * FROM account WHERE id = 1"


@pytest.mark.parametrize(
    "result", ["count(*)", "sum(balance)", "balance * 2", "count(*) FILTER (WHERE on_call)", "xmin", "DISTINCT a"]
)
def test_a_computed_result_is_asked_again(result: str) -> None:
    access = only(f"SELECT {result} FROM account WHERE on_call")
    assert access.aggregate
    assert access.columns == ()
    assert probes([f"SELECT {result} FROM account WHERE on_call"]).selects == (access.plain_select,)


def test_qualified_columns_lose_their_table() -> None:
    access = only("SELECT d.name AS who, d.* FROM doctors AS d WHERE d.on_call AND d.shift_id = 7")
    assert access.condition == "on_call AND shift_id = 7"
    assert access.columns == ("name", "*")


def test_quoted_names_keep_their_case() -> None:
    access = only('SELECT "Id" FROM "Order" WHERE "Id" = 1')
    assert (access.table, access.columns, access.condition) == ("Order", ("Id",), '"Id" = 1')


def test_writes_are_locking_and_say_what_they_store() -> None:
    update = only("UPDATE account SET balance = balance - 10, owner = 'Ada' WHERE balance >= 10 RETURNING balance")
    assert (update.kind, update.locking, update.condition) == (Kind.UPDATE, True, "balance >= 10")
    assert update.assignments == ((("balance", "balance - 10"), ("owner", "'Ada'")),)
    assert update.reads_values
    assert not only("UPDATE account SET balance = :new WHERE id = 1").reads_values
    delete = only("DELETE FROM account")
    assert (delete.kind, delete.locking, delete.condition) == (Kind.DELETE, True, "")
    insert = only("INSERT INTO account (id, balance) VALUES (1, 2), (3, :x)")
    assert (insert.kind, insert.locking, insert.on_conflict) == (Kind.INSERT, False, False)
    assert insert.assignments == ((("id", "1"), ("balance", "2")), (("id", "3"), ("balance", ":x")))


def test_on_conflict_reads_the_key_that_it_could_meet() -> None:
    insert = only("INSERT INTO payment (event, amount) VALUES ('a', 1), (:e, 2) ON CONFLICT (event) DO NOTHING")
    assert insert.on_conflict
    assert bind(insert.condition, {"e": "b"}) == "\"event\" = 'a' OR \"event\" = 'b'"
    counted = "INSERT INTO hit (page, n) VALUES (1, 1) ON CONFLICT (page) DO UPDATE SET n = {}"
    assert only(counted.format("hit.n + 1")).reads_values
    assert not only(counted.format("excluded.n")).reads_values


@pytest.mark.parametrize(
    "sql", ["COMMIT", "ROLLBACK TO SAVEPOINT a", "SET LOCAL lock_timeout = 0", "LOCK TABLE account"]
)
def test_statements_without_a_snapshot(sql: str) -> None:
    access = only(sql)
    assert (access.kind, access.snapshot) == (Kind.NONE, False)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT pg_advisory_xact_lock(hashtext(current_schema()), 1)",
        "SELECT pid FROM pg_locks",
        "SELECT pg_relation_size('a')",
        "ALTER TABLE a ADD COLUMN x int",
    ],
)
def test_statements_that_read_no_application_data(sql: str) -> None:
    access = only(sql)
    assert (access.kind, access.snapshot) == (Kind.NONE, True)


def test_a_step_may_have_several_statements() -> None:
    found = accesses("UPDATE a SET x = 1; -- and so on\nCOMMIT;")
    assert not isinstance(found, Unsupported)
    assert [access.kind for access in found] == [Kind.UPDATE, Kind.NONE]
    assert accesses("") == ()


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT * FROM a JOIN b ON a.id = b.id", "several tables"),
        ("SELECT * FROM a, b", "several tables"),
        ("SELECT * FROM a WHERE id IN (SELECT id FROM b)", "subquery"),
        ("SELECT EXISTS (SELECT FROM a)", "subquery"),
        ("UPDATE a SET x = (SELECT max(x) FROM a)", "subquery"),
        ("INSERT INTO a SELECT * FROM b", "subquery"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH"),
        ("SELECT 1 FROM a UNION SELECT 2 FROM b", "UNION"),
        ("SELECT * FROM a LIMIT 1", "LIMIT"),
        ("SELECT DISTINCT ON (x) * FROM a", "DISTINCT ON"),
        ("SELECT * FROM generate_series(1, 3)", "table"),
        ("SELECT nextval('s') FROM a", "nextval"),
        ("SELECT * FROM a WHERE at < now()", "time"),
        ("SELECT my_function()", "my_function"),
        ("UPDATE a SET x = b.x FROM b", "second table"),
        ("DELETE FROM a USING b WHERE a.id = b.id", "second table"),
        ("SELECT * FROM other.a", "schema"),
        ("INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO NOTHING", "ON CONFLICT"),
        ("TRUNCATE a", "TRUNCATE"),
        ("ALTER TABLE a DROP COLUMN x", "ALTER"),
        ("ALTER TABLE a ADD COLUMN x int DEFAULT 1", "ALTER"),
        ("DO $$ BEGIN END $$", "DO"),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", "MERGE"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION"),
        ("PREPARE TRANSACTION 'x'", "PREPARE"),
        ("UPDATE a SET (x, y) = (1, 2) WHERE CURRENT OF c", "read"),
        ("SELECT * FROM a WHERE (", "read"),
        ("(SELECT 1)", "read"),
        ("nonsense", "NONSENSE"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(sql: str, word: str) -> None:
    reason = refused(sql)
    assert word in reason
    assert reason.endswith(".")


def test_skip_locked_may_take_a_limit() -> None:
    access = only("SELECT id FROM job WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
    assert access.skips_locked
    assert "several" not in refused("SELECT count(*) FROM job FOR UPDATE SKIP LOCKED")


def test_values_are_bound_as_literals() -> None:
    bound = bind("a = :a AND b = :b AND c = :c AND d IS :d AND e = :a", {"a": "it's", "b": -1.5, "c": True, "d": None})
    assert bound == "a = 'it''s' AND b = (-1.5) AND c = TRUE AND d IS NULL AND e = 'it''s'"
    assert bind("at::text = 'x:y'", {}) == "CAST(at AS TEXT) = 'x:y'"
    with pytest.raises(KeyError):
        bind("a = :a", {"b": 1})


def test_probes_are_asked_once_and_grow_when_parameters_are_known() -> None:
    steps = [
        "SELECT balance FROM account WHERE id = 1",
        "UPDATE account SET balance = 0 WHERE id = 1",
        "SELECT count(*) FROM account",
        "SELECT sum(balance) FROM account WHERE owner = :owner",
        "SELECT * FROM a, b",
        "COMMIT",
    ]
    plan = probes(steps)
    assert plan == ProbePlan((("account", "id = 1"),), ("SELECT COUNT(*) FROM account",))
    more = plan.extended(steps[3], {"owner": "Ada"})
    assert more.conditions[1:] == (("account", "owner = 'Ada'"),)
    assert more.selects[1:] == ("SELECT SUM(balance) FROM account WHERE owner = 'Ada'",)
    assert more.extended(steps[3], {"owner": "Ada"}) is more


@pytest.mark.parametrize(
    ("sql", "value"), [("x + 2 * (3 - 1)", 14), ("-x", -10), ("'a'", "a"), ("TRUE", True), ("NULL", None), (":p", 7)]
)
def test_arithmetic_is_evaluated(sql: str, value: object) -> None:
    assert evaluate(sql, {"x": 10}, (("p", 7),)) == value


@pytest.mark.parametrize("sql", ["x / 3", "y", "upper('a')", "'a' + 1", ":q"])
def test_what_is_not_arithmetic_is_not_guessed(sql: str) -> None:
    with pytest.raises(UnknownValueError):
        evaluate(sql, {"x": 10})
