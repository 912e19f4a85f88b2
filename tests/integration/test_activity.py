"""Watch live: what the server says of its sessions, and who stands in whose way."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.activity import SessionRow, blocking_tree, look, own_statement
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.room import PostgresRoom
from simulator.engines.start import open_engine
from simulator.model import Isolation
from tests.integration.servers import password_server

SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)
WRITE = "UPDATE item SET value = value + 1 WHERE id = 1"


@pytest.fixture
def room(engine: Engine) -> Iterator[PostgresRoom]:
    room = engine.create_room(SETUP, 3)
    assert isinstance(room, PostgresRoom)
    yield room
    room.close()


def of(room: PostgresRoom, engine: Engine, **levels: Isolation) -> list[SessionRow]:
    known = {f"{room.label}:{name}": level for name, level in levels.items()}
    return [row for row in look(engine, known) if row.run == room.label]


def wait_until_blocked(room: PostgresRoom, *names: str) -> None:
    sessions = [room._sessions[name][0] for name in names]
    while len(room.blocks(sessions)) < len(sessions):
        pass


def test_a_wait_is_shown_with_its_blocker_its_lock_and_its_statement(engine: Engine, room: PostgresRoom) -> None:
    first, second = room.open("T1"), room.open("T2")
    first.send(WRITE, {}, before=room.begin_sql(Isolation.READ_COMMITTED))
    first.finish()
    second.send(WRITE, {}, before=room.begin_sql(Isolation.REPEATABLE_READ))
    wait_until_blocked(room, "T2")
    one, two = of(room, engine, T1=Isolation.READ_COMMITTED, T2=Isolation.REPEATABLE_READ)
    assert (one.session, one.state, one.blocked_by) == ("T1", "idle in transaction", ())
    assert (two.session, two.state, two.blocked_by) == ("T2", "active", (one.pid,))
    assert (one.statement, two.statement) == (WRITE, WRITE)
    assert (two.isolation, two.wait) == (Isolation.REPEATABLE_READ, "Lock: transactionid")
    assert two.lock.startswith("transactionid ")
    assert one.transaction_ms is not None
    (root,) = blocking_tree([one, two])
    assert root.row == one
    assert [waiter.row for waiter in root.waiters] == [two]


def test_a_session_that_has_done_nothing_yet_shows_no_statement(engine: Engine, room: PostgresRoom) -> None:
    first, second = room.open("T1", {"lock_timeout": "3s"}), room.open("T2")
    for session in (first, second):
        session.opened()
    assert [row.statement for row in of(room, engine)] == ["", ""]
    first.send("SET search_path = pg_catalog", {})
    first.finish()
    assert [row.statement for row in of(room, engine)] == ["SET search_path = pg_catalog", ""]


def test_a_wait_for_a_safe_snapshot_names_its_blocker(engine: Engine, room: PostgresRoom) -> None:
    first, second = room.open("T1"), room.open("T2")
    first.send(WRITE, {}, before=room.begin_sql(Isolation.SERIALIZABLE))
    first.finish()
    second.send("SELECT * FROM item", {}, before="BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
    wait_until_blocked(room, "T2")
    one, two = of(room, engine)
    assert two.blocked_by == (one.pid,)
    assert two.lock == "a safe snapshot"


def test_connections_that_went_back_to_the_pool_are_not_shown(engine: Engine) -> None:
    room = engine.create_room(SETUP, 2)
    room.open("T1")
    room.close()
    assert [row for row in look(engine) if row.run == room.label] == []


def test_strangers_are_shown_on_a_server_of_others_to_a_role_that_may_see_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with password_server(tmp_path_factory.mktemp("seen")) as others:
        engine = open_engine({"DATABASE_URL": others.url("ada")})
        try:
            with psycopg.connect(others.url("boss"), application_name="shop") as stranger:
                stranger.execute("SELECT 1")
                assert "shop" not in {row[1] for row in engine.activity(everyone=True)}
                others.admin.execute("GRANT pg_read_all_stats TO ada")
                assert "shop" not in {row[1] for row in engine.activity(everyone=False)}
                (shop,) = [row for row in look(engine) if row.session == "shop"]
        finally:
            engine.close()
    assert (shop.run, shop.statement, shop.state) == (None, "SELECT 1", "idle in transaction")


def test_strangers_have_no_place_on_the_embedded_server(engine: Engine, server: EmbeddedServer) -> None:
    with psycopg.connect(server.admin_conninfo(), application_name="shop") as stranger:
        stranger.execute("SELECT 1")
        assert look(engine) == ()


def test_a_look_is_cheap(engine: Engine, room: PostgresRoom) -> None:
    first, second = room.open("T1"), room.open("T2")
    for session in (first, second):
        session.send(WRITE, {}, before=room.begin_sql(Isolation.READ_COMMITTED))
    times = []
    for _ in range(21):
        started = time.perf_counter()
        look(engine)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05  # the others were made to wait by whatever else the machine does


def row(pid: int, *blocked_by: int) -> SessionRow:
    return SessionRow(pid, "run", f"T{pid}", "ada", "shop", "active", 1.0, 1.0, "", blocked_by=blocked_by)


def shape(rows: list[SessionRow]) -> str:
    def text(nodes: tuple) -> str:  # type: ignore[type-arg]
        return ",".join(
            f"{n.pid}{'*' if n.in_cycle else ''}{'(' + text(n.waiters) + ')' if n.waiters else ''}" for n in nodes
        )

    return text(blocking_tree(rows))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ""),
        ([row(1), row(2)], ""),
        ([row(1), row(2, 1)], "1(2)"),
        # A queue: each waits for all before it, and stands beneath the last of them.
        ([row(1), row(2, 1), row(3, 1, 2), row(4, 1, 2, 3)], "1(2(3(4)))"),
        # A blocker that is not shown.
        ([row(2, 9)], "9(2)"),
        # A deadlock of two, and one who waits for it.
        ([row(1, 2), row(2, 1), row(3, 2)], "1*(2*(3))"),
        # A deadlock behind somebody who only idles.
        ([row(1), row(2, 1, 3), row(3, 2)], "1(2*(3*))"),
        ([row(1, 3), row(2, 1), row(3, 2)], "1*(2*(3*))"),
        # Twenty in a queue are twenty lines.
        ([row(n, *range(1, n)) for n in range(1, 21)], "(".join(map(str, range(1, 21))) + ")" * 19),
    ],
)
def test_blocking_tree(rows: list[SessionRow], expected: str) -> None:
    assert shape(rows) == expected


def test_only_a_leading_statement_of_ours_is_left_out() -> None:
    assert own_statement("SELECT pg_catalog.pg_current_xact_id_if_assigned();COMMIT") == "COMMIT"
    assert own_statement("SELECT 1; SELECT 2") == "SELECT 1; SELECT 2"
    assert own_statement("BEGIN ISOLATION LEVEL SERIALIZABLE") == "BEGIN ISOLATION LEVEL SERIALIZABLE"
