"""What the observer asks of tables of every kind, and what it leaves out where the server refuses a question."""

from __future__ import annotations

import pytest

from simulator.engines.base import Engine, Probes
from simulator.errors import NotObservedError
from simulator.history.schedule import ForeignKey, TableRules, TableState

SETUP = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20);"


def observed(engine: Engine, setup: str) -> dict[str, TableState]:
    room = engine.create_room((setup,), 1)
    try:
        return {table.table: table for table in room.observe(Probes()).tables}
    finally:
        room.close()


def test_columns_that_an_index_includes_are_no_part_of_the_key(engine: Engine) -> None:
    tables = observed(engine, "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (b, a) INCLUDE (c))")
    assert tables["t"].key_columns == ("b", "a")


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("CREATE TABLE t (); INSERT INTO t DEFAULT VALUES", 1),
        ("CREATE TABLE t (j json, p point, x xid); INSERT INTO t VALUES ('{}', '(1,2)', '3'), ('[]', NULL, '4')", 2),
        ("CREATE TABLE t (t int); INSERT INTO t VALUES (2), (1)", 2),
    ],
)
def test_a_table_without_a_key_is_seen_whatever_its_columns_are(engine: Engine, table: str, rows: int) -> None:
    tables = observed(engine, f"{SETUP} {table}")
    assert [len(tables[name].rows) for name in ("item", "t")] == [2, rows]


def test_a_table_without_columns_is_looked_at_with_the_others(engine: Engine) -> None:
    room = engine.create_room((f"{SETUP} CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES",), 1)
    try:
        seen = room.watch()
        assert seen.unseen == ()
        assert [(table.table, len(table.versions)) for table in seen.tables] == [("item", 2), ("bare", 1)]
    finally:
        room.close()


def test_rows_without_a_key_stand_in_an_order_that_does_not_depend_on_their_places(engine: Engine) -> None:
    setups = ("INSERT INTO t VALUES ('b'), ('a')", "INSERT INTO t VALUES ('a'), ('b')")
    seen = [observed(engine, f"CREATE TABLE t (v text); {setup}")["t"].rows for setup in setups]
    assert [[row.values for row in rows] for rows in seen] == [[("a",), ("b",)]] * 2


def test_what_the_server_does_by_itself_with_a_table_is_known(engine: Engine) -> None:
    tables = observed(
        engine,
        """CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, CHECK (code > 0));
        CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent int REFERENCES parent,
                            at timestamptz DEFAULT now());
        CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
        CREATE TABLE defaulted (v int DEFAULT one());
        CREATE TABLE checked (v int CHECK (v > one()));
        CREATE TABLE triggered (v int);
        CREATE TRIGGER kept BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION keep();
        CREATE TABLE private (v int); ALTER TABLE private ENABLE ROW LEVEL SECURITY;
        CREATE TABLE ruled (v int); CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING;
        CREATE TABLE partly (v int); CREATE UNIQUE INDEX ON partly (v) WHERE v > 0;
        CREATE TABLE excluded (v int4range, EXCLUDE USING gist (v WITH &&))""",
    )
    assert {name: table.rules for name, table in tables.items()} == {
        "parent": TableRules(unique=(("code",),)),
        "child": TableRules(foreign_keys=(ForeignKey(("parent",), "parent", ("id",)),)),
        "defaulted": TableRules(hidden=("function",)),
        "checked": TableRules(hidden=("function",)),
        "triggered": TableRules(hidden=("trigger",)),
        "private": TableRules(hidden=("policy",)),
        "ruled": TableRules(hidden=("rule",)),
        "partly": TableRules(hidden=("index",)),
        "excluded": TableRules(hidden=("index",)),
    }


def test_a_probe_that_the_server_refuses_is_alone_unanswered(engine: Engine) -> None:
    room = engine.create_room((SETUP,), 1)
    asked = Probes((("item", "id = 1"), ("itme", "id = 1"), ("item", "nothing = 1")), ("SELECT 1 / 0", "SELECT 7"))
    try:
        for _ in range(2):
            seen = room.observe(asked)
            assert [(match.condition, match.keys) for match in seen.matches] == [("id = 1", ((1,),))]
            assert [answer.sql for answer in seen.answers] == ["SELECT 7"]
            assert len(seen.tables[0].rows) == 2
    finally:
        room.close()


def test_a_late_condition_that_the_server_refuses_is_alone_unanswered(engine: Engine) -> None:
    room = engine.create_room((SETUP,), 1)
    try:
        states = [room.observe(Probes()).tables] * 2
        found = room.match(states, [("item", "nothing = 1"), ("item", "value = 20")])
        assert [[(match.condition, match.keys) for match in each] for each in found] == [[("value = 20", ((2,),))]] * 2
        with pytest.raises(NotObservedError):
            room.match(states, [("item", "nothing = 1")])
    finally:
        room.close()
