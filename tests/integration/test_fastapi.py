"""Real HTTP requests to real FastAPI applications: the matrix, the order of teardown, and a server that leaves nothing.

What is expected stands here by hand. From FastAPI's documentation ("Dependencies with yield"): the code after `yield`
runs after the response, with scope="function" before it; an exception of the endpoint is raised at the `yield`; one
that the dependency does not raise again is lost to FastAPI. The rest is SQLAlchemy's: a Session that is closed without
commit() rolls back, one that nobody closes keeps its connection.
"""

from __future__ import annotations

import ast
import asyncio
import logging
import threading
from time import monotonic
from typing import Any

import pytest
from fastapi import FastAPI

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.findings import faults, judge
from simulator.history.application import Moment, RequestEnded, SessionClosed, WorkEnded
from simulator.history.schedule import History, StatementStarted
from simulator.labs.fastapi.client import DISCONNECTED, NO_ANSWER, Call, call
from simulator.labs.fastapi.matrix import Cell, run_cell, run_matrix
from simulator.labs.fastapi.order import order
from simulator.labs.fastapi.server import serve
from simulator.labs.fastapi.teardown import run_teardown
from simulator.labs.fastapi.text import matrix_text, teardown_text
from simulator.labs.fastapi.told import sentences
from tests.integration.leftovers import in_process, left_since, of_runs
from tests.patience import BUSY

#: What the client is told, and how many rows are stored, by ending.
HONEST = {"ok": ("200", 1), "not_found": ("404", 0), "error": ("500", 0), "commit_fails": ("500", 0)}
EXPECTED = {
    "with_yield": HONEST,
    "no_finally": HONEST,
    # The response is sent before the commit fails.
    "commit_after_yield": HONEST | {"commit_fails": ("200", 0)},
    # finally also runs when the endpoint raised.
    "commit_in_finally": {"ok": ("200", 1), "not_found": ("404", 1), "error": ("500", 1), "commit_fails": ("200", 0)},
    # FastAPI never hears of the HTTPException: "Response not awaited".
    "swallow": HONEST | {"not_found": ("500", 0), "commit_fails": ("200", 0)},
    "function_scope": HONEST,
    # A 404 is a response, and the middleware commits behind every response.
    "middleware": HONEST | {"not_found": ("404", 1)},
}
#: (connections, transactions) that are held for ever. After a failed COMMIT the server's transaction is over, but the
#: Session still has its connection until somebody closes it.
LEAKS = {
    ("no_finally", "not_found"): (1, 1),
    ("no_finally", "error"): (1, 1),
    ("no_finally", "commit_fails"): (1, 0),
    ("commit_in_finally", "commit_fails"): (1, 0),
}
SILENT = {
    ("commit_after_yield", "commit_fails"),
    ("commit_in_finally", "not_found"),
    ("commit_in_finally", "error"),
    ("commit_in_finally", "commit_fails"),
    ("swallow", "commit_fails"),
    ("middleware", "not_found"),
}
#: Where the endpoint returns: the connection is still out when the response begins. With the others the transaction
#: has ended by then, by the endpoint's commit, by scope="function", or by the middleware's.
OVER_RESPONSE = {"commit_after_yield", "commit_in_finally", "swallow"}


@pytest.fixture(scope="module")
def cells(engine: Engine) -> dict[tuple[str, str, bool], Cell]:
    return {(cell.dependency, cell.ending, cell.is_async): cell for cell in run_matrix(engine)}


@pytest.fixture(scope="module")
def teardown(engine: Engine) -> dict[tuple[str, str], Cell]:
    return {(cell.ending, cell.dependency): cell for cell in run_teardown(engine)}


class TestMatrix:
    def test_what_went_wrong_silently_or_leaked_is_found_and_nothing_else(self, cells: dict[Any, Cell]) -> None:
        wrong = {key for key, cell in cells.items() if cell.silent or cell.leaks}
        assert {key for key, cell in cells.items() if faults(judge(cell.history))} == wrong
        assert wrong

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    @pytest.mark.parametrize("dependency", EXPECTED)
    def test_the_client_and_the_database_are_told_what_is_written_above(
        self, cells: dict[tuple[str, str, bool], Cell], dependency: str, is_async: bool
    ) -> None:
        # Nothing tells an endpoint that its client has gone: it goes on, and what it does is stored.
        expected = EXPECTED[dependency] | {"client_leaves": (DISCONNECTED, 1)}
        seen = {key[1]: (cell.told, cell.rows) for key, cell in cells.items() if key[::2] == (dependency, is_async)}
        assert seen == expected

    def test_only_these_leak(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        leaks = {key: (cell.leak.connections, cell.leak.transactions) for key, cell in cells.items() if cell.leaks}
        assert leaks == {(*key, kind): leak for key, leak in LEAKS.items() for kind in (False, True)}

    def test_only_these_are_silent(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        assert {key for key, cell in cells.items() if cell.silent} == {
            (*key, kind) for key in SILENT for kind in (False, True)
        }

    def test_what_is_said_of_a_cell_is_what_was_seen_in_it(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        """No sentence contradicts the numbers beside it, and every leak is explained."""
        for (written, ending, _), cell in cells.items():
            said = " ".join(map(str, sentences(cell)))
            assert ("had been sent when the COMMIT failed" in said) == (cell.succeeded and ending == "commit_fails")
            assert ("commit() raised, and the close() was never reached" in said) == (
                (written, ending) in LEAKS and ending == "commit_fails"
            )
            assert ("its transaction is open" in said) == bool(cell.leak.transactions)
            assert ("the garbage collector would end the leak" in said) == cell.leaks
            assert ("the message is stored, and nobody was told" in said) == (ending == "client_leaves")
            if cell.silent and not cell.succeeded:
                assert "The client was told" in said or "the client was told" in said
                assert cell.rows == 1
        failed = cells["commit_in_finally", "commit_fails", False]
        assert list(map(str, sentences(failed))) == [
            "The response, 200, had been sent when the COMMIT failed.",
            (
                "commit() raised, and the close() was never reached: the connection is not given back. The server has "
                "rolled back, so no transaction is open on it."
            ),
            (
                "The lab refers to the Session until its run ends; otherwise the garbage collector would end the leak, "
                "some time."
            ),
        ]

    def test_a_failed_commit_that_nobody_is_told_of_came_with_an_id(
        self, cells: dict[tuple[str, str, bool], Cell]
    ) -> None:
        cell = cells["commit_after_yield", "commit_fails", False]
        assert isinstance(cell.body["id"], int)
        assert [line.partition(":")[0] for line in cell.log] == ["IntegrityError"]
        # Where the dependency swallows it, not even the log knows.
        assert cells["swallow", "commit_fails", False].log == ()

    def test_fastapi_says_that_it_lost_an_exception(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        assert cells["swallow", "not_found", True].log[0].startswith("FastAPIError: Response not awaited.")

    def test_the_endpoint_goes_on_without_its_client(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        for key in (("with_yield", "client_leaves", False), ("with_yield", "client_leaves", True)):
            expected = ("before yield", "endpoint", "client disconnected", "COMMIT", "response", "after yield")
            assert cells[key].order == expected

    def test_the_code_is_python_with_its_dependency_and_its_endpoint(
        self, cells: dict[tuple[str, str, bool], Cell]
    ) -> None:
        for (dependency, _, is_async), cell in cells.items():
            *around, get_db, _, endpoint = ast.parse(cell.code).body
            assert [getattr(each, "name", "") for each in around] == ["open_session"] * (dependency == "middleware")
            assert isinstance(get_db, ast.AsyncFunctionDef if is_async else ast.FunctionDef)
            assert (get_db.name, getattr(endpoint, "name", "")) == ("get_db", "post_message")

    def test_statements_have_the_request_and_the_line_of_the_code_shown(
        self, cells: dict[tuple[str, str, bool], Cell]
    ) -> None:
        for key, file in (
            (("with_yield", "ok", False), "endpoints.py"),
            (("with_yield", "ok", True), "endpoints_async.py"),
        ):
            statements = [event for event in cells[key].history.events if isinstance(event, StatementStarted)]
            insert = next(event for event in statements if event.sql.startswith("INSERT"))
            assert insert.request == "request 1"
            assert insert.line.startswith(file)
            assert insert.line.endswith("post_message")

    def test_a_history_is_complete_in_itself(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        cell = cells["function_scope", "commit_fails", True]
        again = History.from_json(cell.history.to_json())
        assert order(again) == cell.order
        ended = [event for event in again.events if isinstance(event, RequestEnded)]
        assert [(event.outcome, event.error.partition(":")[0]) for event in ended] == [("500", "IntegrityError")]

    def test_the_connection_is_out_until_its_transaction_ends(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        for (dependency, ending, _), cell in cells.items():
            assert cell.held is not None
            assert 0 < cell.held.ms < cell.held.request_ms
            assert cell.held.returned == (not cell.leak.connections)
            if ending == "ok":
                assert cell.held.over_response == (dependency in OVER_RESPONSE)

    def test_the_session_of_a_leak_is_never_closed(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        for is_async in (False, True):
            history = cells["no_finally", "error", is_async].history
            assert not [event for event in history.events if isinstance(event, SessionClosed)]
            assert [event.error for event in history.events if isinstance(event, WorkEnded)] == [
                "",
                "RuntimeError: The model gave no answer.",
                "RuntimeError: The model gave no answer.",
            ]

    def test_one_cell_alone_comes_to_the_same(self, engine: Engine, cells: dict[tuple[str, str, bool], Cell]) -> None:
        alone, among = run_cell(engine, "swallow", "commit_fails", True), cells["swallow", "commit_fails", True]
        assert (alone.told, alone.rows, alone.leak, alone.order) == (among.told, among.rows, among.leak, among.order)

    def test_as_text_every_cell_is_there(self, cells: dict[tuple[str, str, bool], Cell]) -> None:
        text = matrix_text(cells.values())
        assert text.count("SILENT") == 2 * len(SILENT)
        assert text.endswith(f"{2 * len(SILENT)} silent (told one thing, stored another), 8 with a leak.")


class TestTeardown:
    #: "before yield" and "endpoint" always come first
    @pytest.mark.parametrize(
        ("case", "scope", "after"),
        [
            ("background", "commit_after_yield", ("response", "background tasks", "after yield", "COMMIT")),
            ("background", "function_scope", ("after yield", "COMMIT", "response", "background tasks")),
            ("stream", "commit_after_yield", ("response", "after yield", "COMMIT")),
            ("stream", "function_scope", ("after yield", "COMMIT", "response")),
            # An exception comes to the dependency before the response is made, in every scope.
            ("not_found", "commit_after_yield", ("after yield", "ROLLBACK", "response")),
            ("not_found", "function_scope", ("after yield", "ROLLBACK", "response")),
            ("handled", "commit_after_yield", ("after yield", "ROLLBACK", "response")),
            ("handled", "function_scope", ("after yield", "ROLLBACK", "response")),
        ],
    )
    def test_the_order_is_fastapis(
        self, teardown: dict[tuple[str, str], Cell], case: str, scope: str, after: tuple[str, ...]
    ) -> None:
        assert teardown[case, scope].order == ("before yield", "endpoint", *after)

    def test_a_stream_reads_from_a_session_that_the_function_scope_has_closed(
        self, teardown: dict[tuple[str, str], Cell]
    ) -> None:
        assert not teardown["stream", "commit_after_yield"].leaks
        leak = teardown["stream", "function_scope"].leak
        assert (leak.connections, leak.transactions) == (1, 1)

    def test_what_the_application_handles_is_no_500(self, teardown: dict[tuple[str, str], Cell]) -> None:
        assert [cell.told for (case, _), cell in teardown.items() if case == "handled"] == ["409", "409"]

    def test_as_text_each_case_is_a_line(self, teardown: dict[tuple[str, str], Cell]) -> None:
        assert len(teardown_text(teardown.values()).splitlines()) == 8


class TestServer:
    def test_nothing_is_left_of_it(self) -> None:
        app = FastAPI()

        @app.get("/")
        def root() -> int:
            return 1

        # What is imported or started once in a process is there now.
        call("http://127.0.0.1:9", [Call("A", "/", method="GET")])
        before = in_process()
        with serve(app) as served:
            answers = call(served.url, [Call(name, "/", method="GET") for name in "ABCDE"])
            assert {kind for kind, _ in in_process() - before} == {"thread", "socket"}
        assert [answer.told for answer in answers] == ["200"] * 5
        assert left_since(before, in_process) == frozenset()

    def test_requests_are_served_at_the_same_time(self) -> None:
        app, meeting = FastAPI(), threading.Barrier(20, timeout=5 * BUSY)

        @app.get("/")
        def root() -> int:
            return meeting.wait()

        with serve(app) as served:
            answers = call(served.url, [Call(str(number), "/", method="GET") for number in range(20)])
        assert sorted(answer.body for answer in answers) == list(range(20))

    def test_two_servers_do_not_meet(self) -> None:
        one, other = FastAPI(), FastAPI()
        one.get("/")(lambda: "one")
        other.get("/")(lambda: "other")
        asked = [Call("A", "/", method="GET")]
        with serve(one) as first, serve(other) as second:
            assert [call(each.url, asked)[0].body for each in (first, second)] == ["one", "other"]

    def test_an_endpoint_that_never_ends_dies_with_its_server(self) -> None:
        app, reached = FastAPI(), threading.Event()

        @app.get("/")
        async def root() -> None:
            reached.set()
            await asyncio.Event().wait()

        before = in_process()
        answers: list[str] = []
        with serve(app) as served:
            client = threading.Thread(
                target=lambda: answers.extend(each.told for each in call(served.url, [Call("A", "/", method="GET")]))
            )
            client.start()
            assert reached.wait(5 * BUSY)
            started = monotonic()
        assert monotonic() - started < 5 * BUSY
        client.join(5 * BUSY)
        assert answers[0] in ("500", NO_ANSWER)
        assert left_since(before, in_process) == frozenset()

    def test_a_client_that_leaves_is_named(self) -> None:
        app, reached, gone = FastAPI(), threading.Event(), threading.Event()
        left: list[str] = []

        @app.get("/")
        def root() -> bool:
            reached.set()
            return gone.wait(5 * BUSY)

        def on_left(request: str) -> None:
            left.append(request)
            gone.set()

        with serve(app, on_left) as served:
            (answer,) = call(served.url, [Call("A", "/", method="GET")], leave_at=reached)
            served.settle()
        assert (answer.told, left) == (DISCONNECTED, ["A"])

    def test_the_process_keeps_its_loggers_and_its_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        def state() -> list[object]:
            found = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
            return [(logger.level, list(logger.handlers), logger.propagate) for logger in found]

        app, before = FastAPI(), state()

        @app.get("/")
        def root() -> None:
            raise RuntimeError("broken")

        with serve(app) as served:
            call(served.url, [Call("A", "/", method="GET")])
            served.settle()
            assert served.log == ["RuntimeError: broken"]
        assert state() == before
        assert "".join(capfd.readouterr()) == ""

    def test_a_coroutine_runs_in_the_servers_loop(self) -> None:
        async def where() -> str:
            return threading.current_thread().name

        with serve(FastAPI()) as served:
            assert served.run(where()) == "txscope-uvicorn"


def test_no_connection_thread_or_socket_is_left_of_a_run(engine: Engine, server: EmbeddedServer) -> None:
    run_cell(engine, "no_finally", "error", True)
    before = in_process(engine) | of_runs(server)
    for is_async in (False, True):
        for ending in ("error", "client_leaves"):
            assert run_cell(engine, "no_finally", ending, is_async).told in ("500", DISCONNECTED)
    assert left_since(before, lambda: in_process(engine) | of_runs(server)) == frozenset()
    assert engine.rooms_open() == 0


def test_the_response_of_an_unhandled_error_is_on_the_timeline(engine: Engine) -> None:
    history = run_cell(engine, "with_yield", "error").history
    moments = [(event.label, event.detail) for event in history.events if isinstance(event, Moment)]
    assert moments == [("response started", "500"), ("response sent", "500")]
