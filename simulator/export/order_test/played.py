"""{head}

The test fails as long as this order of steps can leave, or show, what no serial order of the same transactions does.
It needs pytest, psycopg 3.2 or newer, and DATABASE_URL: a PostgreSQL database in which it may create a schema, which it
drops again. A transaction that the server aborts (40001, 40P01) is run again, as an application should.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
import pytest


class Step(NamedTuple):
    """What a session sends; `values`: saved names for $1, $2 ...; `save`: a name for the first value that it gets."""

    sql: str
    values: Sequence[str] = ()
    save: str | None = None
    when: Callable[[Mapping[str, Any]], bool] | None = None


class Session(NamedTuple):
    """How a session begins a transaction; "" where each statement is one by itself."""

    begin: str
    setup: str = ""


# What is run: change a statement or a level here, and see what comes of it.
SETUP = ""
SESSIONS: dict[str, Session] = {}
STEPS: dict[str, Step] = {}
ORDER: list[str] = []
SERIAL_ORDERS: list[list[str]] = []
RULE = ""
# How it is run.

#: What an application runs again, and how often.
RUN_AGAIN, ATTEMPTS = ("40001", "40P01"), 3
#: Seconds that a statement may take.
PATIENCE = 20.0

Played = tuple[dict[str, object], dict[str, list[str]], bool]


class Client:
    """One session: a connection, and a thread in which its statements wait."""

    def __init__(self, name: str, url: str, schema: str) -> None:
        self.session = SESSIONS[name]
        self.connection = psycopg.connect(url, autocommit=True, options=f"-c search_path={schema}")
        self.pid = self.connection.info.backend_pid
        self.thread = ThreadPoolExecutor(1)
        self.running: Future[None] | None = None
        self.saved: dict[str, Any] = {}
        self.answers: dict[str, object] = {}
        #: steps of the transaction that is open, and whether it was given up
        self.work: list[str] = []
        self.gave_up = ""
        if self.session.setup:
            self.connection.execute(self.session.setup.encode())

    def start(self, key: str) -> None:
        """Begin a step; one before it has ended by then, or ends within some seconds."""
        self.finish()
        self.running = self.thread.submit(self.play, key)

    def finish(self) -> None:
        if self.running is not None:
            self.running.result(PATIENCE)
            self.running = None

    def play(self, key: str) -> None:
        step = STEPS[key]
        self.work.append(key)
        known = all(name in self.saved for name in step.values)
        if self.gave_up or not known or (step.when is not None and not step.when(self.saved)):
            return
        idle = self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        try:
            if idle and self.session.begin:
                self.connection.execute(self.session.begin.encode())
            self.answers[key] = self.send(step)
        except psycopg.Error as error:
            self.answers[key] = error.sqlstate
            self.connection.execute(b"ROLLBACK")
            self.gave_up = error.sqlstate or "?"
        else:
            if self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                self.work = []

    def send(self, step: Step) -> object:
        cursor = psycopg.RawCursor(self.connection)
        values = [None if (value := self.saved[name]) is None else str(value) for name in step.values]
        cursor.execute(step.sql.encode(), values or None)
        while cursor.nextset():
            pass
        rows = cursor.fetchall() if cursor.description else None
        if step.save is not None:
            self.saved[step.save] = cursor.rowcount if rows is None else rows[0][0] if rows else None
        return cursor.rowcount if rows is None else rows

    def run_again(self) -> None:
        """What was given up for others, from its first step, as often as an application would."""
        for _ in range(ATTEMPTS - 1):
            if self.gave_up not in RUN_AGAIN:
                return
            again, self.work, self.gave_up = self.work, [], ""
            for key in again:
                self.start(key)
                self.finish()

    def close(self) -> None:
        self.thread.shutdown()
        self.connection.close()


@contextmanager
def database() -> Iterator[tuple[str, str, psycopg.Connection[Any]]]:
    """Where it is played: the address, a schema of its own with the setup in it, and a connection that looks."""
    url = re.sub(r"^(\w+)\+\w+:", r"\1:", os.environ["DATABASE_URL"])
    schema = f"order_test_{os.getpid()}"
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={schema}") as looking:
        looking.execute(f"CREATE SCHEMA {schema}".encode())
        try:
            looking.execute(SETUP.encode())
            yield url, schema, looking
        finally:
            looking.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def play(order: Sequence[str]) -> Played:
    """Every answer, every row that is stored at the end, and whether the rule holds."""
    with database() as (url, schema, looking):
        clients = {name: Client(name, url, schema) for name in SESSIONS}
        try:
            for key in order:
                client = clients[key.partition(".")[0]]
                client.start(key)
                until_settled(client, looking)
            for client in clients.values():
                client.finish()
            for client in clients.values():
                client.run_again()
            answers = {key: answer for client in clients.values() for key, answer in client.answers.items()}
        finally:
            for client in clients.values():
                client.close()
        holds = not RULE or bool(looking.execute(RULE.encode()).fetchall()[0][0])
        return answers, stored(looking, schema), holds


def until_settled(client: Client, looking: psycopg.Connection[Any]) -> None:
    """The step has ended, or waits for another session."""
    while client.running is not None and not client.running.done():
        blockers = looking.execute("SELECT pg_blocking_pids(%s)", (client.pid,)).fetchone()
        if blockers and blockers[0]:
            return
        time.sleep(0.002)


def stored(looking: psycopg.Connection[Any], schema: str) -> dict[str, list[str]]:
    tables = looking.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema,)).fetchall()
    return {
        name: sorted(map(str, looking.execute(psycopg.sql.SQL("TABLE {}").format(psycopg.sql.Identifier(name)))))
        for (name,) in tables
    }


@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="DATABASE_URL names no database")
def test_this_order_gives_what_some_serial_order_gives() -> None:
    found = play(ORDER)
    serial = {" ".join(order): play(order) for order in SERIAL_ORDERS}
    assert found[1:] in [each[1:] for each in serial.values()], f"stored: {found[1]}; one after another: {serial}"
    assert found in serial.values(), f"answers: {found[0]}; one after another: {serial}"


@pytest.mark.skipif("DATABASE_URL" not in os.environ or not RULE, reason="no DATABASE_URL, or no rule")
def test_the_rule_holds_after_this_order() -> None:
    answers, rows, holds = play(ORDER)
    assert holds, f"broken: {RULE}; stored: {rows}; answers: {answers}"
