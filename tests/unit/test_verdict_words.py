"""Words that say how a transaction may be run again: what is one too few would be a wrong verdict."""

from __future__ import annotations

import pytest

from simulator.verdict.places import (
    asked_for,
    by_place,
    choices,
    numbers_ties,
    only_permutes,
    only_reads,
    sorted_by_unseen,
    tells_place,
)
from simulator.verdict.words import (
    asks_only_server,
    asks_server,
    calls,
    checks_unique,
    compares_time,
    generates,
    generates_more,
    identifies,
    keeps_large_objects,
    leaves_remains,
    made,
    nestable,
    not_mvcc_safe,
    outlives,
    rounds_time,
    throws,
    unwilling,
)

NESTED = (
    "SELECT v FROM item WHERE id = 1 FOR UPDATE",
    "UPDATE item SET v = v + 1 WHERE id = 1",
    'UPDATE item SET "v" = 1, w = 2',
    "UPDATE item SET (v, w) = (1, 2)",
    "INSERT INTO item VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "SAVEPOINT s",
    "ROLLBACK TO SAVEPOINT s",
    "ROLLBACK WORK TO s",
    "RELEASE SAVEPOINT s",
    "LOCK TABLE item IN SHARE MODE",
    "SELECT nextval('ticket')",
    "SELECT clock_timestamp()",
    "SELECT gen_random_uuid()",
)
APART = (
    "VACUUM item",
    "ANALYZE item",
    "CREATE INDEX CONCURRENTLY ON item (v)",
    "CREATE TABLE made (id int)",
    "CREATE TEMP TABLE made (id int)",
    "ALTER TABLE item ADD COLUMN w int",
    "DROP TABLE item",
    "TRUNCATE item",
    "COMMENT ON TABLE item IS 'x'",
    "GRANT SELECT ON item TO PUBLIC",
    "REFRESH MATERIALIZED VIEW seen",
    "SELECT id\nINTO made FROM item",
    "SET work_mem = '1MB'",
    "SET LOCAL lock_timeout = '10ms'",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET CONSTRAINTS ALL DEFERRED",
    "RESET ALL",
    "SHOW transaction_isolation",
    "SELECT current_setting('transaction_read_only')",
    "SELECT set_config('a.b', 'c', true)",
    "SELECT setting FROM pg_settings",
    "PREPARE look AS SELECT 1",
    "PREPARE TRANSACTION 'p'",
    "COMMIT PREPARED 'p'",
    "EXECUTE look",
    "DEALLOCATE look",
    "DECLARE c CURSOR FOR SELECT 1",
    "FETCH 1 FROM c",
    "CALL work()",
    "DO $$ BEGIN END $$",
    "DO\n$x$ BEGIN END $x$",
    "LISTEN news",
    "NOTIFY news",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT txid_current()",
    "SELECT pg_current_xact_id()",
    "SELECT pg_export_snapshot()",
    "SELECT currval('ticket')",
    "SELECT lastval()",
    "SELECT now()",
    "SELECT CURRENT_TIMESTAMP",
    "SELECT LOCALTIME",
    "SELECT transaction_timestamp()",
    "SELECT statement_timestamp()",
    "SELECT pg_backend_pid()",
    "SELECT xmin FROM item",
    "SELECT tableoid FROM item",
    "SELECT 'item'::regclass",
    "SELECT to_regclass('item')",
    "SELECT lo_create(0)",
    "BEGIN",
    "START TRANSACTION",
    "COMMIT AND CHAIN",
    "ROLLBACK",
    "ABORT",
)


@pytest.mark.parametrize("sql", NESTED)
def test_what_a_savepoint_undoes_is_nested(sql: str) -> None:
    assert nestable((), [sql])


@pytest.mark.parametrize("sql", APART)
def test_what_a_savepoint_does_not_undo_or_repeat_is_run_apart(sql: str) -> None:
    assert not nestable((), [sql])
    assert not nestable((), [sql.lower()])


@pytest.mark.parametrize(
    ("setup", "nested"),
    [
        ("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); ANALYZE a", True),
        ("CREATE TABLE a (at timestamptz DEFAULT now())", False),
        ("CREATE TABLE a (b int REFERENCES b DEFERRABLE INITIALLY DEFERRED)", False),
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); END $$", False),
        ("CREATE TABLE a (id serial, v int DEFAULT 0)", True),
    ],
)
def test_a_setup_counts_where_it_acts_later(setup: str, nested: bool) -> None:
    assert nestable([setup], ["SELECT 1"]) is nested


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (id serial)",
        "CREATE TABLE a (id bigserial)",
        "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY)",
        "SELECT nextval('ticket')",
        "SELECT last_value FROM ticket",
    ],
)
def test_numbers_of_sequences_are_generated_and_can_be_pinned(sql: str) -> None:
    assert generates([sql])
    assert not generates_more([sql])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT now()",
        'SELECT "now"()',
        "SELECT ' now '::timestamptz",
        "SELECT date 'today'",
        "SELECT $$tomorrow$$::date",
        "SELECT CURRENT_DATE",
        "SELECT LOCALTIMESTAMP",
        "SELECT clock_timestamp()",
        "SELECT statement_timestamp()",
        "SELECT timeofday()",
        "SELECT age(at) FROM a",
        "SELECT random()",
        "SELECT random_normal()",
        "SELECT gen_random_uuid()",
        "SELECT uuidv7()",
        "SELECT array_shuffle(ARRAY[1, 2])",
        "SELECT * FROM a TABLESAMPLE BERNOULLI (10)",
        "SELECT pg_current_xact_id()",
        "SELECT txid_current()",
        "SELECT xmin, xmax, cmin, cmax FROM a",
        "SELECT ctid FROM a",
        "SELECT oid FROM pg_class",
        "SELECT tableoid FROM a",
        "SELECT 'a'::regclass",
        "SELECT pg_backend_pid()",
        "SELECT inet_client_port()",
        "SELECT pg_current_wal_lsn()",
        "SELECT lo_create(0)",
        "SELECT conname FROM pg_constraint",
        "SELECT table_schema FROM information_schema.tables",
        "SELECT pg_my_temp_schema()",
        "SELECT version()",
    ],
)
def test_what_another_run_need_not_give_again(sql: str) -> None:
    assert generates_more([sql])


def test_what_every_run_gives_again_needs_no_second_one() -> None:
    assert not generates(["CREATE TABLE a (id int PRIMARY KEY)", "SELECT v FROM a WHERE id = 1", "SELECT pg_sleep(0)"])


@pytest.mark.parametrize(
    ("sql", "rounded"),
    [
        ("SELECT date_trunc('second', now())", True),
        ("SELECT to_char(now(), 'SS')", True),
        ("SELECT extract(epoch FROM now())", True),
        ("SELECT now()::date", True),
        ("SELECT current_timestamp(0)", True),
        ("SELECT now()", False),
        ("SELECT extract(year FROM at) FROM a", False),
    ],
)
def test_times_that_two_runs_within_a_second_have_in_common(sql: str, rounded: bool) -> None:
    assert rounds_time([sql]) is rounded


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM pg_locks",
        "SELECT pid FROM pg_stat_activity",
        "SELECT pg_blocking_pids(1)",
        "SELECT pg_snapshot_xmin(pg_current_snapshot())",
        "SELECT pg_safe_snapshot_blocking_pids(1)",
        "SELECT gid FROM pg_prepared_xacts",
        "SELECT name FROM pg_cursors",
        "EXPLAIN SELECT 1",
    ],
)
def test_what_asks_the_server_about_itself(sql: str) -> None:
    assert asks_server(sql)


@pytest.mark.parametrize("word", ["explain", "nowait", "pg_locks", "skip locked", "pg_try_advisory_lock(1)", "limit 1"])
@pytest.mark.parametrize("form", ["SELECT v FROM item WHERE k = '{}'", "SELECT v -- {}\nFROM item", "SELECT $${}$$"])
def test_words_that_only_look_so_excuse_nothing(form: str, word: str) -> None:
    sql = form.format(word)
    assert not any(excuses(sql) for excuses in (asks_server, unwilling, by_place, choices))


def test_what_asks_the_server_and_reads_rows_beside_it() -> None:
    only = ("SELECT pid FROM pg_catalog.pg_locks", "EXPLAIN SELECT v FROM item", "SELECT pg_blocking_pids(1)")
    assert all(map(asks_only_server, only))
    assert not asks_only_server("SELECT v, (SELECT count(*) FROM pg_locks) FROM item")
    assert not asks_only_server("SELECT count(*) FROM pg_locks; SELECT v FROM item")


def test_columns_that_are_called_so_excuse_nothing() -> None:
    assert not asks_server("SELECT count(*) FROM task WHERE explain")
    assert not asks_server("SELECT pg_locks + 1 FROM task")
    assert not by_place("SELECT row_number FROM task")


def test_functions_and_views_of_the_setup_act_where_they_are_called() -> None:
    setup = [
        "CREATE FUNCTION app.take() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM w FOR UPDATE NOWAIT $$",
        "CREATE FUNCTION look() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE VIEW first AS SELECT id FROM w LIMIT 1",
    ]
    assert made(setup, unwilling) == ("take",)
    assert made(setup, lambda text: bool(choices(text))) == ("first",)
    assert unwilling("SELECT app.take()", ["take"])
    assert not unwilling("SELECT take FROM w", ["take"])
    assert calls("SELECT * FROM first", ["first"])
    assert not calls("SELECT 'first'", [])


def test_what_a_session_keeps_of_a_transaction_that_was_rolled_back() -> None:
    kept = ("PREPARE p AS SELECT 1", "SELECT nextval('s')", "SELECT pg_advisory_lock(1)", "SELECT setseed(1)")
    assert all(map(outlives, kept))
    undone = (
        "PREPARE TRANSACTION 'p'",
        "SELECT pg_advisory_xact_lock(1)",
        "SET work_mem = '1MB'",
        "UPDATE w SET v = 1",
    )
    assert not any(map(outlives, undone))


def test_what_numbers_that_differ_may_be() -> None:
    assert identifies(["SELECT pg_backend_pid(), now()"])
    assert identifies(["SELECT xmin FROM item"])
    assert not identifies(["SELECT v + (random() * 9)::int FROM item"])
    assert not identifies(["SELECT xmin, extract(epoch FROM now()) FROM item"])
    assert not identifies(["SELECT v FROM item"])
    assert identifies(["SELECT to_char(now(), 'SS')"])
    assert not identifies(["SELECT v + to_char(now(), 'SS')::int FROM item"])
    assert keeps_large_objects(["SELECT lo_put(1, 0, 'x')"])
    assert not keeps_large_objects(["SELECT lo_count FROM item"])


def test_statements_that_ask_how_late_it_is() -> None:
    assert compares_time("UPDATE lease SET owner = 'A' WHERE until <= clock_timestamp()")
    assert compares_time("DELETE FROM s WHERE now() - at > interval '5 min'")
    assert not compares_time("UPDATE lease SET until = now() + interval '1 hour' WHERE id = 1")


def test_ties_of_a_numbering_only_change_places() -> None:
    assert numbers_ties("SELECT row_number() OVER (ORDER BY priority) FROM job")
    assert not numbers_ties("SELECT rank() OVER (ORDER BY priority) FROM job")
    assert only_permutes("SELECT array_agg(id) FROM job")
    assert not only_permutes("SELECT DISTINCT ON (a) id FROM job")


def test_kinds_of_statements() -> None:
    assert not asks_server("SELECT v FROM item")
    assert all(
        map(
            unwilling,
            (
                "SELECT 1 FOR UPDATE SKIP  LOCKED",
                "LOCK item NOWAIT",
                "SELECT pg_try_advisory_xact_lock(1)",
            ),
        )
    )
    assert not unwilling("SELECT v FROM item FOR UPDATE")
    assert not_mvcc_safe("TRUNCATE item")
    assert not_mvcc_safe("ALTER  TABLE item ADD w int")
    assert not not_mvcc_safe("DELETE FROM item")
    assert checks_unique("INSERT INTO item VALUES (1) ON  CONFLICT DO NOTHING")
    assert not checks_unique("INSERT INTO item VALUES (1)")
    assert leaves_remains("CREATE INDEX CONCURRENTLY i ON item (v)")
    assert throws(["SELECT random()"])
    assert not throws(["SELECT gen_random_uuid()"])
    assert tells_place("SELECT CTID FROM item")


@pytest.mark.parametrize(
    ("sql", "unseen"),
    [
        ("SELECT name FROM job ORDER BY priority", True),
        ("SELECT id, name FROM job ORDER BY id", False),
        ("SELECT id AS number FROM job ORDER BY number", False),
        ("SELECT id, name FROM job ORDER BY 2, 1", False),
        ("SELECT * FROM job ORDER BY priority", False),
        ("SELECT name FROM job", False),
        ("not SQL", False),
    ],
)
def test_rows_whose_order_tells_something(sql: str, unseen: bool) -> None:
    assert sorted_by_unseen(sql) is unseen


@pytest.mark.parametrize(
    ("sql", "lies"),
    [
        ("SELECT array_agg(id) FROM job", True),
        ("SELECT array_agg(id ORDER BY id) FROM job", False),
        ("SELECT string_agg(a, ','), max(b) FROM job ORDER BY 1", True),
        ("SELECT json_agg(job) FROM job", True),
        ("SELECT jsonb_object_agg(a, b) FROM job", True),
        ("SELECT ARRAY(SELECT id FROM job)", True),
        ("SELECT ARRAY(SELECT id FROM job ORDER BY id)", False),
        ("SELECT ARRAY[1, 2]", False),
        ("SELECT row_number() OVER (PARTITION BY a) FROM job", True),
        ("SELECT row_number() OVER (ORDER BY id) FROM job", False),
        ("SELECT lag(a) OVER w FROM job WINDOW w AS (PARTITION BY b)", True),
        ("SELECT DISTINCT ON (a) id FROM job", True),
        ("SELECT DISTINCT ON (a) id FROM job ORDER BY a", True),
        ("SELECT DISTINCT ON (a) id FROM job ORDER BY a, id", False),
        ("SELECT id FROM job OFFSET 1", True),
        ("SELECT id FROM job ORDER BY id OFFSET 1", False),
        ("SELECT count(*), max(a) FROM job", False),
    ],
)
def test_answers_that_depend_on_where_rows_lie(sql: str, lies: bool) -> None:
    assert by_place(sql) is lies


@pytest.mark.parametrize(
    ("sql", "query", "most", "ordered", "whole"),
    [
        ("SELECT id FROM job LIMIT 2", "SELECT id FROM job ", 2, False, True),
        (
            "SELECT id FROM job ORDER BY a FETCH FIRST ROW ONLY",
            "SELECT id FROM job ORDER BY a FETCH FIRST 1 ROWS WITH TIES",
            1,
            True,
            True,
        ),
        (
            "UPDATE job SET o = 1 WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)",
            "SELECT id FROM job ORDER BY id FETCH FIRST 1 ROWS WITH TIES",
            1,
            True,
            False,
        ),
        ("SELECT id FROM (SELECT id FROM job ORDER BY id) x LIMIT 1", None, 1, False, True),
        ("INSERT INTO a SELECT id FROM job LIMIT 3", None, 3, False, True),
    ],
)
def test_what_a_limit_chooses_from(sql: str, query: str | None, most: int, ordered: bool, whole: bool) -> None:
    (choice,) = choices(sql)
    assert (choice.most, choice.ordered, choice.whole) == (most, ordered, whole)
    assert query is None or choice.query == query


def test_what_cannot_be_asked_apart_is_not_asked() -> None:
    assert asked_for("INSERT INTO a SELECT id FROM job LIMIT 3") == ()
    assert asked_for("SELECT id FROM job LIMIT 1") == ("SELECT id FROM job ",)
    assert choices("FETCH FIRST FROM c") == ()
    assert choices("SELECT 'no LIMIT 1'") == ()


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT id FROM job LIMIT 1 FOR UPDATE", True),
        ("SELECT id FROM job LIMIT 1 FOR NO KEY UPDATE", True),
        ("TABLE job", True),
        ("UPDATE job SET a = (SELECT 1)", False),
        ("WITH gone AS (DELETE FROM job RETURNING id) SELECT id FROM gone", False),
        ("SELECT id INTO made FROM job", False),
        ("SELECT 1; SELECT 2", False),
    ],
)
def test_statements_of_which_all_shows_in_the_answer(sql: str, reads: bool) -> None:
    assert only_reads(sql) is reads
