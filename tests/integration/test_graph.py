"""What the graph answers on the server's own histories: who wrote, what was read, and where it does not say."""

from __future__ import annotations

import pytest

from simulator.anomalies.types import Verdict
from simulator.engines.base import Engine
from simulator.model import Isolation, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.run import run_scenario
from tests.notation import edges

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
SETUP = """
CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL); INSERT INTO a VALUES (1, 0);
CREATE TABLE b (id int PRIMARY KEY, v int NOT NULL); INSERT INTO b VALUES (1, 0);
CREATE TABLE x (id int PRIMARY KEY, v int NOT NULL); INSERT INTO x VALUES (1, 10);
"""


def judged(
    engine: Engine, isolation: Isolation, *steps: str, setup: str = SETUP, autocommit: tuple[str, ...] = ()
) -> Verdict:
    """`T1: SELECT ...` for each step, in their order."""
    scripts: dict[str, list[Step]] = {}
    for number, (name, _, sql) in enumerate(step.partition(": ") for step in steps):
        scripts.setdefault(name, []).append(Step(f"s{number}", name, sql))
    order = [f"{step.partition(': ')[0]}.s{number}" for number, step in enumerate(steps)]
    sessions = tuple(SessionScript(name, tuple(of), autocommit=name in autocommit) for name, of in scripts.items())
    variant = Variant("v", "v", sessions, Schedule(tuple(order)), False, {})
    scenario = Scenario("graph", "graph", "isolation", 1, "", setup, (variant,))
    result = run_scenario(engine, scenario, variant, isolation, retry=False)
    assert result.impossible is None, result.reason
    return result.graph


# Who wrote


@pytest.mark.parametrize("isolation", [RC, RR, SER])
def test_a_delete_outside_of_begin_that_waited_is_its_own(engine: Engine, isolation: Isolation) -> None:
    verdict = judged(
        engine,
        isolation,
        "T1: SELECT v FROM x WHERE id = 1",
        "T1: SELECT v FROM x WHERE id = 1 FOR UPDATE",
        "D: DELETE FROM x WHERE id = 1",
        "T1: COMMIT",
        autocommit=("D",),
    )
    assert edges(verdict) == {("T1", "rw", "D")}
    assert verdict.serial_order == ("T1", "D")


def test_an_update_outside_of_begin_is_seen(engine: Engine) -> None:
    steps = (
        "T1: SELECT v FROM x WHERE id = 1",
        "D: UPDATE x SET v = 2 WHERE id = 1",
        "T1: SELECT v FROM x WHERE id = 1",
        "T1: COMMIT",
    )
    verdict = judged(engine, RC, *steps, autocommit=("D",))
    assert edges(verdict) == {("T1", "rw", "D"), ("D", "wr", "T1")}
    assert judged(engine, RR, *steps, autocommit=("D",)).serial_order == ("T1", "D")


def test_two_writers_that_nobody_could_look_between_are_not_told_apart(engine: Engine) -> None:
    verdict = judged(
        engine,
        RC,
        "T1: UPDATE a SET v = 1 WHERE id = 1",
        "T1: LOCK TABLE x IN SHARE MODE",
        "D: DELETE FROM x WHERE id = 1",
        "T1: COMMIT",
        autocommit=("D",),
    )
    assert verdict.no_verdict is not None
    assert "committed at once" in verdict.no_verdict.english()


def test_rows_written_in_savepoints_are_of_their_transaction(engine: Engine) -> None:
    verdict = judged(
        engine,
        RC,
        "T1: SAVEPOINT s",
        "T1: UPDATE a SET v = 1 WHERE id = 1",
        "T1: ROLLBACK TO s",
        "T1: SAVEPOINT s",
        "T1: UPDATE x SET v = 1 WHERE id = 1",
        "T1: COMMIT",
        "T2: SELECT v FROM a WHERE id = 1",
        "T2: SELECT v FROM x WHERE id = 1",
        "T2: COMMIT",
    )
    assert edges(verdict) == {("T1", "wr", "T2")}


def test_columns_that_a_key_includes_do_not_tell_rows_apart(engine: Engine) -> None:
    verdict = judged(
        engine,
        RC,
        "T1: SELECT v FROM t WHERE id = 1",
        "T2: UPDATE t SET v = 2 WHERE id = 1",
        "T2: COMMIT",
        "T1: SELECT v FROM t WHERE id = 1",
        "T1: COMMIT",
        setup="CREATE TABLE t (id int, v int, PRIMARY KEY (id) INCLUDE (v)); INSERT INTO t VALUES (1, 1)",
    )
    assert [anomaly.name for anomaly in verdict.anomalies] == ["P2"]


def test_a_step_with_a_mistake_and_tables_of_any_kind_cost_no_verdict(engine: Engine) -> None:
    verdict = judged(
        engine,
        RC,
        "T1: SELECT v FROM nowhere WHERE id = 1",
        "T2: UPDATE x SET v = 2 WHERE id = 1",
        "T2: COMMIT",
        setup=SETUP + "CREATE TABLE bare (); CREATE TABLE doc (j json); INSERT INTO doc VALUES ('{}')",
    )
    assert verdict.serial_order == ("T2",)


# What was read


@pytest.mark.parametrize("isolation", [RC, RR, SER])
def test_a_row_that_was_in_the_way_of_an_insert_was_read(engine: Engine, isolation: Isolation) -> None:
    """At SERIALIZABLE PostgreSQL 18 commits both: its unique index knows no predicate locks."""
    verdict = judged(
        engine,
        isolation,
        "T1: INSERT INTO x (id, v) VALUES (1, 15) ON CONFLICT (id) DO NOTHING",
        "T2: DELETE FROM x WHERE id = 1",
        "T2: COMMIT",
        "T1: INSERT INTO x (id, v) VALUES (1, 25) ON CONFLICT (id) DO NOTHING",
        "T1: COMMIT",
    )
    assert {("T1", "rw", "T2"), ("T2", "wr", "T1")} <= edges(verdict)
    assert verdict.serial_order is None


def test_one_snapshot_may_show_the_same_key_twice(engine: Engine) -> None:
    verdict = judged(
        engine,
        RR,
        "T1: DELETE FROM x WHERE id = 1",
        "T2: INSERT INTO x (id, v) VALUES (1, 5)",
        "T1: COMMIT",
        "T2: SELECT sum(v) FROM x",
        "T2: COMMIT",
    )
    assert edges(verdict) == {("T1", "ww", "T2"), ("T2", "rw", "T1")}
    assert verdict.serial_order is None


#: how T1 uses x, and how T2 then changes it -> whether the graph can follow that
USES = {
    "SELECT v FROM x WHERE id = 1 LIMIT 1": True,
    "SELECT x.v FROM x JOIN b ON b.id = x.id": True,
    "SELECT y.v, b.v FROM x AS y, b WHERE y.id = b.id AND y.id = 1": True,
    "SELECT EXISTS (SELECT 1 FROM x WHERE v = 10)": True,
    "SELECT v FROM b WHERE EXISTS (SELECT 1 FROM x WHERE v = 10)": True,
    "SELECT v FROM b WHERE id IN (SELECT id FROM x WHERE v = 10)": True,
    "SELECT v FROM b UNION SELECT v FROM x": True,
    "WITH y AS (SELECT v FROM x) SELECT * FROM y": True,
    "INSERT INTO x VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET v = 0 WHERE x.v > 100": False,
    "INSERT INTO x (id, v) VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET v = 0 WHERE x.v > 100": True,
    "SELECT x.v FROM b LEFT JOIN x ON b.id = x.id": False,
    "SELECT v FROM x ORDER BY id OFFSET 0": False,
    "UPDATE b SET v = x.v FROM x WHERE x.id = b.id": False,
    "DELETE FROM b USING x WHERE x.v = 10": False,
    "UPDATE b SET v = (SELECT max(v) FROM x)": False,
    "INSERT INTO b SELECT id + 10, v FROM x": False,
    "INSERT INTO b VALUES (10, (SELECT max(v) FROM x))": False,
    "MERGE INTO b USING x ON b.id = x.id WHEN MATCHED THEN UPDATE SET v = x.v": False,
    "WITH y AS (UPDATE b SET v = 3 RETURNING id) SELECT x.v FROM x JOIN y ON x.id = y.id": False,
    "SELECT total()": False,
    "SELECT v FROM b WHERE v < total()": False,
    "INSERT INTO b VALUES (10, total())": False,
    "UPDATE b SET v = total() WHERE id = 1": False,
    "DELETE FROM b WHERE id = 1 RETURNING total()": False,
    "INSERT INTO defaulted (id) VALUES (1)": False,
    "INSERT INTO checked VALUES (1, 0)": False,
    "INSERT INTO triggered VALUES (1, 0)": False,
    "INSERT INTO ruled VALUES (1, 0)": False,
    "SELECT v FROM private WHERE id = 1": False,
    "SELECT v FROM seen": False,
    "DO $$ BEGIN PERFORM v FROM x; END $$": False,
    "DECLARE c CURSOR FOR SELECT v FROM x": False,
    "CREATE TABLE copied AS SELECT * FROM x": False,
    "CREATE UNIQUE INDEX ON x (v)": False,
    "EXPLAIN ANALYZE SELECT v FROM x": False,
    "SELECT nextval('counter'), v FROM x": False,
}
CODE = (
    SETUP
    + """
CREATE FUNCTION total() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(v) FROM x); END';
CREATE FUNCTION summed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.v := total(); RETURN new; END';
CREATE SEQUENCE counter;
CREATE TABLE defaulted (id int PRIMARY KEY, v int DEFAULT total());
CREATE TABLE checked (id int PRIMARY KEY, v int CHECK (v < total()));
CREATE TABLE triggered (id int PRIMARY KEY, v int);
CREATE TRIGGER summing BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION summed();
CREATE TABLE ruled (id int PRIMARY KEY, v int);
CREATE RULE copying AS ON INSERT TO ruled DO ALSO INSERT INTO b SELECT id + 10, v FROM x;
CREATE TABLE private (id int PRIMARY KEY, v int); INSERT INTO private VALUES (1, 1);
ALTER TABLE private ENABLE ROW LEVEL SECURITY; ALTER TABLE private FORCE ROW LEVEL SECURITY;
CREATE POLICY rich ON private USING (total() < 100);
CREATE VIEW seen AS SELECT v FROM x;
"""
)


@pytest.mark.parametrize("use", USES)
def test_what_a_statement_reads_beside_its_table_is_followed_or_not_judged(engine: Engine, use: str) -> None:
    """T2 reads what T1 then writes, T1 reads what T2 then writes: never safe."""
    verdict = judged(
        engine,
        RC,
        "T2: SELECT v FROM a WHERE id = 1",
        "T1: UPDATE a SET v = 1 WHERE id = 1",
        f"T1: {use}",
        "T1: COMMIT",
        "T2: UPDATE x SET v = 200 WHERE id = 1",
        "T2: COMMIT",
        setup=CODE,
    )
    assert verdict.serial_order is None
    assert bool(verdict.anomalies) is USES[use]


KEYS = """
CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL); INSERT INTO a VALUES (1, 0);
CREATE TABLE x (id int PRIMARY KEY, code int UNIQUE, span int4range, EXCLUDE USING gist (span WITH &&));
INSERT INTO x VALUES (1, 5, '[1,2)');
CREATE TABLE child (id int PRIMARY KEY, x int REFERENCES x);
"""


@pytest.mark.parametrize(
    ("first", "then", "followed"),
    [
        ("INSERT INTO x VALUES (7)", "INSERT INTO child VALUES (1, 7)", True),
        ("DELETE FROM x WHERE id = 1", "INSERT INTO x VALUES (1)", True),
        ("DELETE FROM child WHERE id = 9", "DELETE FROM x WHERE id = 9", True),
    ],
)
def test_a_key_that_the_server_checked_was_read(engine: Engine, first: str, then: str, followed: bool) -> None:
    setup = KEYS.replace(", EXCLUDE USING gist (span WITH &&)", "") + (
        "INSERT INTO x VALUES (9); INSERT INTO child VALUES (9, 9);"
    )
    verdict = _after_a_read(engine, setup, first, then)
    assert verdict.serial_order is None
    assert bool(verdict.anomalies) is followed


def test_a_unique_value_that_was_given_up_was_read_as_free(engine: Engine) -> None:
    setup = KEYS.replace(", EXCLUDE USING gist (span WITH &&)", "")
    verdict = _after_a_read(engine, setup, "UPDATE x SET code = 6 WHERE id = 1", "INSERT INTO x VALUES (2, 5)")
    assert verdict.anomalies


def test_an_exclusion_that_made_room_gives_no_verdict(engine: Engine) -> None:
    verdict = _after_a_read(engine, KEYS, "DELETE FROM x WHERE id = 1", "INSERT INTO x VALUES (2, 6, '[1,2)')")
    assert verdict.no_verdict is not None


@pytest.mark.parametrize("command", ["TRUNCATE x", "ALTER TABLE x ADD COLUMN w int DEFAULT 1", "DROP TABLE child"])
def test_commands_that_no_snapshot_shows_give_no_verdict(engine: Engine, command: str) -> None:
    setup = KEYS.replace("int REFERENCES x", "int")
    assert _after_a_read(engine, setup, command, "SELECT count(*) FROM x").no_verdict is not None


def _after_a_read(engine: Engine, setup: str, first: str, then: str) -> Verdict:
    """T1 reads what T2 then writes; T2 commits; T1 does what depends on T2: no serial order does both."""
    return judged(
        engine,
        RC,
        "T1: SELECT v FROM a WHERE id = 1",
        "T2: UPDATE a SET v = 1 WHERE id = 1",
        f"T2: {first}",
        "T2: COMMIT",
        f"T1: {then}",
        "T1: COMMIT",
        setup=setup,
    )
