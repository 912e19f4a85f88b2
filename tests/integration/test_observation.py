"""Observing a run on the real server: it sees what is there, it waits for nobody, and it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from simulator.engines.base import Engine, Probes
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.room import PostgresRoom
from simulator.engines.postgres.statements import statement
from simulator.engines.start import open_engine
from simulator.errors import EngineError
from simulator.experiments.orders import fingerprint
from simulator.history.observed import TableVersions, Watched
from simulator.history.schedule import History, LocksObserved, RowVersionsObserved
from simulator.model import Isolation, Scalar, Scenario, Variant
from simulator.scenarios.loader import find
from simulator.state.reader import PanelState, state_at
from simulator.state.views import Difference, TableView
from simulator.verdict.run import RunResult, run_scenario
from tests.integration.cells import Cells, variants
from tests.integration.leftovers import end_backend, left_behind
from tests.integration.servers import password_server

SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)


@pytest.fixture
def room(engine: Engine) -> Iterator[PostgresRoom]:
    room = engine.create_room(SETUP, 3)
    assert isinstance(room, PostgresRoom)
    yield room
    room.close()


@pytest.fixture(scope="module")
def plain_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """On a server where Txscope has no superuser."""
    with password_server(tmp_path_factory.mktemp("plain")) as running:
        engine = open_engine({"DATABASE_URL": running.url("ada")})
        yield engine
        engine.close()


def watched(engine: Engine, key: str, isolation: Isolation, variant: str | None = None) -> RunResult:
    scenario = find(key)
    chosen = scenario.variant(variant) if variant else scenario.variants[0]
    return run_scenario(engine, scenario, chosen, isolation, watch=True)


def do(room: PostgresRoom, name: str, sql: str, *, begin: str = "") -> None:
    session = room._sessions[name][0] if name in room._sessions else room.open(name)
    session.send(sql, {}, before=begin)
    assert session.finish().error is None


def item(seen: Watched) -> TableVersions:
    return next(table for table in seen.tables if table.table == "item")


@pytest.mark.parametrize(("scenario", "variant"), variants())
def test_observation_changes_no_outcome_and_agrees_with_itself(
    cell: Cells, scenario: Scenario, variant: Variant
) -> None:
    for isolation in dict.fromkeys((*scenario.levels, *variant.expectations)):
        found = cell(scenario, variant, isolation)
        seeing = found.watched
        assert {fingerprint(blind) for blind in found.blind} == {fingerprint(seeing)}, isolation
        assert History.from_json(seeing.history.to_json()) == seeing.history
        for event in seeing.history.events:
            if isinstance(event, RowVersionsObserved):
                agrees(state_at(seeing.history, event.seq))


def agrees(state: PanelState) -> None:
    """Views come from committed states and own versions, visibility from ids: two ways to one answer, at each step."""
    for table in (each for each in state.versions if not each.truncated):
        assert None not in [each.writer for each in table.versions]
        committed = next(each for each in state.committed if each.table == table.table)
        assert rows_of(committed) == {each.version.values for each in table.versions if each.version.visible}
        for view in (each for each in state.views if each.transaction is not None):
            visible = {each.version.values for each in table.versions if view.transaction in each.visible_to}
            assert rows_of(next(each for each in view.tables if each.table == table.table)) == visible


def rows_of(table: TableView) -> set[tuple[Scalar, ...]]:
    seen = (row for row in table.rows if row.difference is not Difference.MISSING)
    return {tuple(cell.value for cell in row.cells) for row in seen}


def test_a_look_adds_no_predicate_lock(engine: Engine) -> None:
    """The SIRead locks of a watched run are those that its own statements took: one more look changes nothing."""
    scenario = find("write_skew")
    history = run_scenario(engine, scenario, scenario.variants[0], Isolation.SERIALIZABLE, watch=True).history
    first = next(e for e in history.events if isinstance(e, LocksObserved) and e.step == "T1.count")
    assert {(lock.session, lock.relation, lock.locktype) for lock in first.locks if lock.is_predicate} == {
        ("T1", "agent", "relation")
    }


def test_no_observer_is_ever_serializable(engine: Engine, server: EmbeddedServer, room: PostgresRoom) -> None:
    do(room, "T1", "SELECT * FROM item", begin="BEGIN ISOLATION LEVEL SERIALIZABLE")
    room.watch()
    with psycopg.connect(server.admin_conninfo()) as admin:
        holders = admin.execute("SELECT DISTINCT pid FROM pg_locks WHERE mode = 'SIReadLock'").fetchall()
    assert {pid for (pid,) in holders} <= {room._sessions["T1"][0].backend}


def test_locks_held_and_waited_for_with_the_raw_row(room: PostgresRoom) -> None:
    do(room, "T1", "UPDATE item SET value = 11 WHERE id = 1", begin="BEGIN")
    waiter = room.open("T2")
    waiter.send("UPDATE item SET value = 12 WHERE id = 1", {}, before="BEGIN")
    while not room.blocks([waiter]):
        assert waiter.poll() is None
    seen = room.watch()
    (wait,) = [lock for lock in seen.locks if not lock.granted]
    assert (wait.session, wait.locktype, wait.mode, wait.owner) == ("T2", "transactionid", "ShareLock", "T1")
    assert dict(wait.raw)["pid"] == waiter.backend
    assert [(each.session, each.state, each.blockers) for each in seen.sessions] == [
        ("T1", "idle in transaction", ()),
        ("T2", "active", ("T1",)),
    ]


@pytest.mark.parametrize("strength", ["FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"])
def test_a_row_lock_is_seen_in_the_row(room: PostgresRoom, strength: str) -> None:
    do(room, "T1", f"SELECT * FROM item WHERE id = 1 {strength}", begin="BEGIN")
    first = item(room.watch()).versions[0]
    assert [lock.mode for lock in first.row_locks] == [strength]
    assert first.replaced_by == 0
    assert first.visible
    do(room, "T1", "COMMIT")
    assert item(room.watch()).versions[0].row_locks == ()


def test_row_locks_of_several_sessions_on_one_row(room: PostgresRoom) -> None:
    do(room, "T1", "SELECT * FROM item WHERE id = 1 FOR KEY SHARE", begin="BEGIN")
    do(room, "T2", "UPDATE item SET value = 11 WHERE id = 1", begin="BEGIN")
    old, _, new = item(room.watch()).versions
    assert sorted(lock.mode for lock in old.row_locks) == ["FOR KEY SHARE", "FOR NO KEY UPDATE"]
    assert old.replaced_by == new.xmin
    assert (new.visible, new.xmin_status) == (False, "in progress")


def test_dead_rolled_back_and_deleted_versions(room: PostgresRoom) -> None:
    do(room, "T1", "UPDATE item SET value = 11 WHERE id = 1", begin="BEGIN")
    do(room, "T1", "ROLLBACK")
    do(room, "T1", "DELETE FROM item WHERE id = 2")
    found = {version.ctid: version for version in item(room.watch()).versions}
    assert (found["(0,1)"].visible, found["(0,1)"].xmax_status) == (True, "aborted")
    assert (found["(0,3)"].xmin_status, found["(0,3)"].values) == ("aborted", (1, 11))
    assert (found["(0,2)"].visible, found["(0,2)"].xmax_status) == (False, "committed")


def test_a_rolled_back_savepoint_is_no_longer_in_progress(room: PostgresRoom) -> None:
    do(room, "T1", "SAVEPOINT s", begin="BEGIN")
    do(room, "T1", "UPDATE item SET value = 11 WHERE id = 1")
    assert item(room.watch()).versions[2].xmin_status == "in progress"
    do(room, "T1", "ROLLBACK TO s")
    assert item(room.watch()).versions[2].xmin_status == "aborted"


VALUES = {
    "bool": ["true", "false", "NULL"],
    "int2": ["-7"],
    "int8": ["9007199254740993"],
    "float4": ["0.1", "1e20", "-2.5"],
    "float8": ["0.1", "1e-7"],
    "numeric": ["0", "1", "-12345678901234567890", "0.5", "100.00", "12345.6789", "0.00012", "1e10"],
    "numeric(10,2)": ["100", "-99.99", "0"],
    "text": ["'Ada'", "''", "'日本'", "repeat('x', 200)"],
    "varchar(9)": ["'Ada'"],
    "char(5)": ["'ab'"],
    "date": ["'2026-11-22'", "'1999-12-31'"],
    "uuid": ["'01234567-89ab-cdef-0123-456789abcdef'"],
}


def test_uncommitted_values_read_from_the_page_are_those_that_are_printed_later(engine: Engine) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(VALUES))
    room = engine.create_room((f"CREATE TABLE item (id int PRIMARY KEY, gone int, {columns}, more int)",), 1)
    try:
        longest = max(map(len, VALUES.values()))
        rows = (
            f"({n}, NULL, " + ", ".join(each[min(n, len(each) - 1)] for each in VALUES.values()) + ", 7)"
            for n in range(longest)
        )
        do(room, "T1", f"INSERT INTO item VALUES {', '.join(rows)}", begin="BEGIN")
        before = item(room.watch()).versions
        do(room, "T1", "COMMIT")
        after = item(room.watch()).versions
    finally:
        room.close()
    assert not any(version.visible for version in before)
    assert all(version.visible for version in after)
    assert [version.values for version in before] == [version.values for version in after]


def test_what_a_version_said_while_it_was_visible_is_kept_for_types_that_are_not_read(engine: Engine) -> None:
    room = engine.create_room(("CREATE TABLE item (id int PRIMARY KEY, hours int4range)",), 1)
    try:
        do(room, "T1", "INSERT INTO item VALUES (1, '[1,5)')", begin="BEGIN")
        assert str(item(room.watch()).versions[0].values[1]).startswith("\\x")
        do(room, "T1", "COMMIT")
        assert item(room.watch()).versions[0].values == (1, "[1,5)")
        do(room, "T1", "DELETE FROM item")
        assert item(room.watch()).versions[0].values == (1, "[1,5)")
    finally:
        room.close()


def test_an_exclusive_lock_is_not_waited_for(room: PostgresRoom) -> None:
    do(room, "T1", "LOCK TABLE item IN ACCESS EXCLUSIVE MODE", begin="BEGIN")
    seen = room.watch()
    assert seen.tables == ()
    assert [(each.table, each.because_of) for each in seen.unseen] == [("item", ("T1",))]
    do(room, "T1", "COMMIT")
    assert item(room.watch()).versions


def test_a_table_that_is_gone_is_told_and_the_next_look_works(room: PostgresRoom) -> None:
    do(room, "T1", "DROP TABLE item")
    (unseen,) = room.watch().unseen
    assert "item" in unseen.reason
    assert room.watch().sessions


def test_many_rows_keep_those_that_somebody_touched(engine: Engine) -> None:
    filled = "INSERT INTO item SELECT n, n FROM generate_series(1, 400) n"
    room = engine.create_room(("CREATE TABLE item (id int PRIMARY KEY, value int)", filled), 1)
    try:
        do(room, "T1", "UPDATE item SET value = 0 WHERE id = 399", begin="BEGIN")
        table = item(room.watch())
    finally:
        room.close()
    assert table.truncated
    assert [version.values for version in table.versions if version.key == (399,)] == [(399, 399), (399, 0)]


def test_names_that_need_quoting(engine: Engine) -> None:
    name = 'a "quoted" \\ näme, {with}'
    quoted = '"' + name.replace('"', '""') + '"'
    setup = (f'CREATE TABLE {quoted} ("the id" int PRIMARY KEY)', f"INSERT INTO {quoted} VALUES (1)")
    room = engine.create_room(setup, 1)
    try:
        (table,) = room.watch().tables
    finally:
        room.close()
    assert (table.table, table.columns) == (name, ("the id",))
    assert [version.values for version in table.versions] == [(1,)]


def test_without_a_superuser_only_what_is_visible_is_shown(plain_engine: Engine) -> None:
    history = watched(plain_engine, "lost_update", Isolation.READ_COMMITTED).history
    looks = [event for event in history.events if isinstance(event, RowVersionsObserved)]
    assert not any(look.with_dead for look in looks)
    assert all(version.visible for look in looks for table in look.tables for version in table.versions)
    assert all(version.replaced_by is None for look in looks for table in look.tables for version in table.versions)


def test_the_embedded_engine_sees_dead_versions(engine: Engine) -> None:
    history = watched(engine, "lost_update", Isolation.READ_COMMITTED).history
    looks = [event for event in history.events if isinstance(event, RowVersionsObserved)]
    assert all(look.with_dead for look in looks)
    assert any(not version.visible for look in looks for table in look.tables for version in table.versions)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT txscope_inspect.get_raw_page('pg_class', 0)",
        "SELECT txscope_inspect.status('3')",
        "CREATE TABLE txscope_inspect.mine ()",
        "CREATE EXTENSION pageinspect SCHEMA public",
    ],
)
def test_the_role_of_a_run_cannot_look_into_pages(room: PostgresRoom, query: str) -> None:
    session = room.open("T1")
    session.send(query, {})
    error = session.finish().error
    assert error is not None
    # not allowed, or there already
    assert error.sqlstate in ("42501", "42710")


def test_the_superusers_connection_reads_pages_and_catalogues_and_no_row(
    server: EmbeddedServer, room: PostgresRoom
) -> None:
    """What it asks is what stands in our files: no name of a visitor's table is in it."""
    do(room, "T1", "UPDATE item SET value = 11 WHERE id = 1", begin="BEGIN")
    room.observe(Probes((("item", "value > 5"),), ("SELECT sum(value) FROM item",)))
    room.watch()
    room.ask("SELECT count(*) FROM item")
    with psycopg.connect(server.admin_conninfo()) as admin:
        (last,) = admin.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", (room.tenant.control.pid,)
        ).fetchone() or ("",)
        (reads,) = admin.execute("SELECT has_table_privilege('txscope_1', 'pg_authid', 'SELECT')").fetchone() or (None,)
    assert last[:200] == statement("heap_versions").decode()[:200]
    assert reads is False


@pytest.mark.parametrize("which", ["reader", "control"])
def test_a_connection_that_is_killed_is_an_engine_error_and_the_room_still_closes(
    server: EmbeddedServer, engine: Engine, room: PostgresRoom, which: str
) -> None:
    do(room, "T1", "UPDATE item SET value = 11 WHERE id = 1", begin="BEGIN")
    room.watch()
    killed = room._reader if which == "reader" else room.tenant.control
    end_backend(server, killed.pid)
    for _ in range(2):
        with pytest.raises(EngineError):
            room.watch()
    room.close()
    assert engine.rooms_open() == 0
    assert left_behind(server) == []


def test_after_a_killed_connection_the_next_run_is_watched_as_before(
    server: EmbeddedServer, engine: Engine, room: PostgresRoom
) -> None:
    end_backend(server, room.tenant.control.pid)
    room.close()
    result = watched(engine, "lost_update", Isolation.REPEATABLE_READ)
    assert not result.reason
    assert any(
        not version.visible
        for event in result.history.events
        if isinstance(event, RowVersionsObserved)
        for table in event.tables
        for version in table.versions
    )
