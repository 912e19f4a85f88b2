"""What can be followed in a step's SQL, and what is refused."""

from __future__ import annotations

import contextlib
import time

import pytest

from simulator.sql.access import Access, AccessKind, ProbePlan, Unsupported, accesses, probes
from simulator.sql.bind import bind
from simulator.sql.sources import Source
from simulator.sql.tree import UnknownValueError, evaluate


def only(sql: str) -> Access:
    found = accesses(sql)
    assert not isinstance(found, Unsupported), found.reason
    (access,) = found
    return access


def refused(sql: str) -> str:
    found = accesses(sql)
    assert isinstance(found, Unsupported)
    return str(found.reason)


def test_a_select_by_key() -> None:
    access = only("SELECT id, Balance FROM Account WHERE id = 1")
    assert (access.kind, access.table, access.condition) == (AccessKind.READ, "account", "id = 1")
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
    assert (update.kind, update.locking, update.condition) == (AccessKind.UPDATE, True, "balance >= 10")
    assert update.assignments == ((("balance", "balance - 10"), ("owner", "'Ada'")),)
    assert update.reads_values
    assert not only("UPDATE account SET balance = :new WHERE id = 1").reads_values
    delete = only("DELETE FROM account")
    assert (delete.kind, delete.locking, delete.condition) == (AccessKind.DELETE, True, "")
    insert = only("INSERT INTO account (id, balance) VALUES (1, 2), (3, :x)")
    assert (insert.kind, insert.locking, insert.on_conflict) == (AccessKind.INSERT, False, False)
    assert insert.assignments == ((("id", "1"), ("balance", "2")), (("id", "3"), ("balance", ":x")))


def test_on_conflict_reads_the_key_that_it_could_meet() -> None:
    insert = only("INSERT INTO payment (event, amount) VALUES ('a', 1), (:e, 2) ON CONFLICT (event) DO NOTHING")
    assert insert.on_conflict
    assert bind(insert.condition, {"e": "b"}) == "\"event\" = 'a' OR \"event\" = 'b'"
    counted = "INSERT INTO hit (page, n) VALUES (1, 1) ON CONFLICT (page) DO UPDATE SET n = {}"
    assert only(counted.format("hit.n + 1")).reads_values
    assert not only(counted.format("excluded.n")).reads_values


@pytest.mark.parametrize(
    ("sql", "kind", "savepoint"),
    [
        ("COMMIT", AccessKind.END, ""),
        ("ABORT", AccessKind.END, ""),
        ("PREPARE TRANSACTION 'x'", AccessKind.END, ""),
        ("SAVEPOINT A", AccessKind.SAVEPOINT, "a"),
        ('RELEASE SAVEPOINT "A"', AccessKind.RELEASE, "A"),
        ("ROLLBACK TO SAVEPOINT a", AccessKind.ROLLBACK_TO, "a"),
        ("ROLLBACK WORK TO a", AccessKind.ROLLBACK_TO, "a"),
        ("SET LOCAL lock_timeout = 0", AccessKind.NONE, ""),
        ("LOCK TABLE account", AccessKind.NONE, ""),
    ],
)
def test_statements_without_a_snapshot(sql: str, kind: AccessKind, savepoint: str) -> None:
    access = only(sql)
    assert (access.kind, access.snapshot, access.savepoint) == (kind, False, savepoint)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT pg_advisory_xact_lock(hashtext(current_schema()), 1)",
        "SELECT pid FROM pg_locks",
        "SELECT pg_relation_size('a')",
        "ALTER TABLE a ADD COLUMN x int",
        "ALTER TABLE a ADD COLUMN IF NOT EXISTS x int",
        "CREATE INDEX ON a (x)",
    ],
)
def test_statements_that_read_no_application_data(sql: str) -> None:
    access = only(sql)
    assert (access.kind, access.snapshot) == (AccessKind.NONE, True)


def test_a_step_may_have_several_statements() -> None:
    found = accesses("UPDATE a SET x = 1; -- and so on\nCOMMIT;")
    assert not isinstance(found, Unsupported)
    assert [access.kind for access in found] == [AccessKind.UPDATE, AccessKind.END]
    assert accesses("") == ()


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("WITH d AS (DELETE FROM a RETURNING x) SELECT * FROM d", "WITH"),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "WITH"),
        ("WITH b AS (SELECT 1) DELETE FROM a USING b", "WITH"),
        ("UPDATE a SET x = 1 FROM b LEFT JOIN c ON true WHERE a.id = b.id", "plain tables"),
        ("DELETE FROM a USING b WHERE a.id IN (SELECT id FROM c)", "plain tables"),
        ("INSERT INTO a (x) VALUES (audit(1))", "audit"),
        ("UPDATE a SET x = audit(1) WHERE id = 1", "audit"),
        ("DELETE FROM a WHERE id = 1 RETURNING audit(1)", "audit"),
        ("INSERT INTO a (x) SELECT x FROM b ON CONFLICT (x) DO NOTHING", "ON CONFLICT"),
        ("INSERT INTO a (x) VALUES (1) ON CONFLICT ON CONSTRAINT a_key DO NOTHING", "ON CONFLICT"),
        ("SET search_path = other", "SET"),
        ("RESET ALL", "SET"),
        ("DISCARD ALL", "SET"),
        ("SELECT set_config('role', 'other', true)", "SET"),
        ("CREATE UNIQUE INDEX ON a (x)", "CREATE"),
        ("SELECT relname, x FROM pg_class, a", "catalogues"),
        ("SELECT nextval('s') FROM a", "nextval"),
        ("SELECT * FROM a WHERE at < now()", "time"),
        ("SELECT my_function()", "my_function"),
        ("SELECT * FROM other.a", "schema"),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO NOTHING", "ON CONFLICT"),
        ("TRUNCATE a", "TRUNCATE"),
        ("ALTER TABLE a DROP COLUMN x", "ALTER"),
        ("ALTER TABLE a ADD COLUMN x int DEFAULT 1", "ALTER"),
        ("DO $$ BEGIN END $$", "DO"),
        ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE", "MERGE"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION"),
        ("COMMIT PREPARED 'x'", "COMMIT"),
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


#: of each table that a query reads: which of its rows take part; None where that is not known
SOURCES = {
    "SELECT t.v, u.v FROM t JOIN u ON u.t = t.id WHERE t.id = 1": {
        "t": 'EXISTS(SELECT 1 FROM u WHERE u.t = "t".id AND "t".id = 1)',
        "u": 'EXISTS(SELECT 1 FROM t WHERE "u".t = t.id AND t.id = 1)',
    },
    "SELECT X.v FROM t AS x, U y WHERE y.t = x.id": {
        "t": 'EXISTS(SELECT 1 FROM U AS y WHERE y.t = "t".id)',
        "u": 'EXISTS(SELECT 1 FROM t AS x WHERE "u".t = x.id)',
    },
    "SELECT * FROM t LEFT JOIN u ON u.t = t.id": {"t": None, "u": None},
    "SELECT * FROM t JOIN u USING (id)": {"t": None, "u": None},
    "SELECT * FROM t NATURAL JOIN u": {"t": None, "u": None},
    "SELECT a.v FROM t a, t b": {"t": None},
    "SELECT EXISTS (SELECT 1 FROM t WHERE g = 1)": {"t": "g = 1"},
    "SELECT v FROM t WHERE id IN (SELECT t FROM u WHERE v = 0)": {
        "t": "id IN (SELECT t FROM u WHERE v = 0)",
        "u": "v = 0",
    },
    "SELECT v FROM t AS b WHERE EXISTS (SELECT 1 FROM u WHERE u.t = b.id)": {
        "t": 'EXISTS(SELECT 1 FROM u WHERE u.t = "t".id)',
        "u": None,
    },
    "WITH a AS (SELECT 1 FROM t WHERE v = 0) SELECT * FROM a UNION SELECT 2 FROM u": {"u": "", "t": "v = 0"},
    "SELECT v FROM t WHERE id = (SELECT max(t) FROM u LIMIT 1)": {
        "t": "id = (SELECT MAX(t) FROM u LIMIT 1)",
        "u": None,
    },
    "SELECT * FROM t ORDER BY v OFFSET 1": {"t": None},
    "SELECT DISTINCT ON (v) * FROM t": {"t": None},
    "SELECT * FROM generate_series(1, 3)": {},
    "UPDATE t SET v = u.v FROM u WHERE u.t = t.id": {"t": 'EXISTS(SELECT 1 FROM u WHERE u.t = "t".id)', "u": None},
    "DELETE FROM t a USING u, w WHERE u.t = a.id": {
        "t": 'EXISTS(SELECT 1 FROM u CROSS JOIN w WHERE u.t = "t".id)',
        "u": None,
        "w": None,
    },
    "UPDATE t SET v = (SELECT max(v) FROM u) WHERE id = 1": {"t": "id = 1", "u": None},
    "DELETE FROM u WHERE t IN (SELECT id FROM t)": {"u": "t IN (SELECT id FROM t)", "t": None},
    "INSERT INTO t SELECT id FROM u": {"t": "", "u": None},
}


@pytest.mark.parametrize("sql", SOURCES)
def test_a_query_tells_which_rows_of_each_of_its_tables_take_part(sql: str) -> None:
    assert {source.table: source.condition for source in only(sql).sources({})} == SOURCES[sql]
    asked = [(table, condition) for table, condition in SOURCES[sql].items() if condition]
    assert list(probes([sql]).conditions) == asked


def test_a_table_that_a_query_reads_and_looks_into_again_may_not_change() -> None:
    assert "subquery" in refused("SELECT * FROM t WHERE v = (SELECT max(v) FROM t)")
    assert only("SELECT (SELECT max(v) FROM t) FROM t").beside == ((Source("t", None)),)


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT id FROM a WHERE id = 1 LIMIT 1", 1),
        ("SELECT id FROM a FETCH FIRST 3 ROWS ONLY", 3),
        ("SELECT 1 FROM a LIMIT 1", 1),
        ("SELECT id FROM a", None),
    ],
)
def test_a_limit_is_kept(sql: str, limit: int | None) -> None:
    assert (only(sql).table, only(sql).limit) == ("a", limit)


@pytest.mark.parametrize("clause", ["LIMIT :n", "LIMIT 1 + 1", "FETCH FIRST 2 ROWS WITH TIES", "LIMIT 2 OFFSET 1"])
def test_of_a_limit_that_is_no_number_the_rows_may_not_change(clause: str) -> None:
    assert only(f"SELECT id FROM a ORDER BY id {clause}").beside == (Source("a", None),)


def test_an_insert_that_names_no_columns_keeps_its_values_in_their_order() -> None:
    insert = only("INSERT INTO a VALUES (1, 2) ON CONFLICT DO NOTHING")
    assert (insert.any_key, insert.does_nothing) == (True, True)
    assert insert.assignments == ((("", "1"), ("", "2")),)


def test_do_update_where_reads_the_row() -> None:
    upsert = "INSERT INTO hit (page, n) VALUES (1, 1) ON CONFLICT (page) DO UPDATE SET n = excluded.n WHERE {}"
    assert only(upsert.format("hit.n < 5")).reads_values
    assert not only(upsert.format("excluded.n < 5")).reads_values


def test_skip_locked_may_take_a_limit() -> None:
    access = only("SELECT id FROM job WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
    assert access.skips_locked
    assert "several" not in refused("SELECT count(*) FROM job FOR UPDATE SKIP LOCKED")


def test_values_are_bound_as_literals() -> None:
    bound = bind("a = :a AND b = :b AND c = :c AND d IS :d AND e = :a", {"a": "it's", "b": -1.5, "c": True, "d": None})
    assert bound == "a = 'it''s' AND b = (-1.5) AND c = TRUE AND d IS NULL AND e = 'it''s'"
    assert bind("at::text = 'x:y' AND n = - :n::int", {"n": -1}) == "at::text = 'x:y' AND n = - (-1)::int"
    with pytest.raises(KeyError):
        bind("a = :a", {"b": 1})


def test_probes_are_asked_once_and_grow_when_parameters_are_known() -> None:
    steps = [
        "SELECT balance FROM account WHERE id = 1",
        "UPDATE account SET balance = 0 WHERE id = 1",
        "SELECT count(*) FROM account",
        "SELECT sum(balance) FROM account WHERE owner = :owner",
        "SELECT * FROM a LEFT JOIN b ON true",
        "COMMIT",
    ]
    plan = probes(steps)
    assert plan == ProbePlan(
        (("account", "id = 1"),), ("SELECT COUNT(*) FROM account", "SELECT * FROM a LEFT JOIN b ON TRUE")
    )
    more = plan.extended(steps[3], {"owner": "Ada"})
    assert more.conditions[1:] == (("account", "owner = 'Ada'"),)
    assert more.selects[2:] == ("SELECT SUM(balance) FROM account WHERE owner = 'Ada'",)
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


def _nested(before: str, after: str, times: int, inside: str = "1") -> str:
    return before * times + inside + after * times


#: What PostgreSQL takes, or may refuse by itself: a run goes on with it, and it is not followed.
DEEP = {
    "parentheses": _nested("(", ")", 4_000),
    "a few dozen parentheses": _nested("(", ")", 60),
    "an unclosed one": "(" * 4_000,
    "brackets": _nested("ARRAY[", "]", 20),
    "brackets of a type": _nested("int[", "]", 40),
    "calls of a type": _nested("timestamp(", ")", 40),
    "indexes": "a" + "[1]" * 2_500,
    "CASE": _nested("CASE WHEN a THEN ", " END", 300),
    "CASE in the condition": _nested("CASE WHEN ", " THEN 1 END", 300),
    "a subquery": _nested("(SELECT ", ")", 700),
    "NOT": "NOT " * 1_900 + "a",
    "minus": "- " * 3_900 + "1",
    "casts": "1" + "::int" * 1_500,
    "operators": "1" + "+1-1" * 1_900,
    "arrows": "a" + "->a->>a.b" * 800,
    "columns": ",".join("abcdefgh") * 450,
    "BETWEEN": "a BETWEEN 1 AND " * 500 + "2",
    "functions": _nested("f(", ")", 1_500),
    "quotes": "'a' " * 1_900,
}


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {} FROM t",
        "SELECT a FROM t WHERE b = :b AND {}",
        "UPDATE t SET a = {} WHERE a = 1",
        "INSERT INTO t (a) VALUES ({}) ON CONFLICT (a) DO NOTHING",
    ],
)
def test_sql_that_is_nested_deeply_ends_in_an_answer_and_soon(name: str, sql: str) -> None:
    begin = time.thread_time()
    found = accesses(sql.format(DEEP[name]))
    if isinstance(found, Unsupported):
        assert str(found.reason).endswith(".")
    else:
        probes([sql.format(DEEP[name])])
        for access in found:
            access.bound({"b": -1})
            for column, value in (pair for row in access.assignments for pair in row):
                with contextlib.suppress(UnknownValueError):
                    evaluate(value, {column: 1})
    assert time.thread_time() - begin < 2


def test_nesting_has_a_sentence_of_its_own() -> None:
    assert "nested too deeply" in refused(f"SELECT {DEEP['parentheses']} FROM t")
    assert only(f"SELECT a FROM t WHERE {_nested('(', ')', 12, 'a = 1')}").kind is AccessKind.READ


@pytest.mark.parametrize("sql", ["1" * 5_000, f"{'9' * 4_000} * {'9' * 4_000}", "1e999 * 0", f"{'9' * 400} * 1.5"])
def test_numbers_beyond_every_column_are_not_reckoned_with(sql: str) -> None:
    with contextlib.suppress(UnknownValueError):
        assert isinstance(evaluate(sql, {}), float)


@pytest.mark.parametrize("sql", ["UPDATE t SET a = a.a.a.'x'", "SELECT a FROM t WHERE (VALUES (", "UPDATE t SET = "])
def test_half_sql_is_not_followed(sql: str) -> None:
    found = accesses(sql)
    for access in () if isinstance(found, Unsupported) else found:
        with pytest.raises(UnknownValueError):
            evaluate(access.assignments[0][0][1], {})


def test_a_statement_that_is_not_known_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    accesses("PREPARE TRANSACTION 'no news'")
    assert capsys.readouterr().err == ""
