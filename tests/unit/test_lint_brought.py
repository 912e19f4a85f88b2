"""Whatever is pasted or dropped: what it is told to be, and which mistakes an error leads to."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from simulator import scenarios
from simulator.labs.lint.brought import ERRORS, recognise
from simulator.labs.mistakes.catalogue import MISTAKES

TESTS = Path(__file__).parents[1]
TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/.venv/lib/python3.11/site-packages/starlette/routing.py", line 73, in app
    response = await f(request)
  File "/srv/app/api/users.py", line 41, in show
    return {{"team": user.team.name}}
  File "/srv/app/.venv/lib/python3.11/site-packages/sqlalchemy/orm/attributes.py", line 566, in __get__
    return self.impl.get(state, dict_)
{error}
"""


@pytest.mark.parametrize(
    ("error", "mistake"),
    [
        (
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out",
            "connection_leak",
        ),
        (
            "sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here.",
            "async_lazy_load",
        ),
        (
            "sqlalchemy.orm.exc.DetachedInstanceError: Parent instance <User> is not bound to a Session; lazy load",
            "lazy_after_close",
        ),
        (
            (
                "sqlalchemy.exc.PendingRollbackError: This Session's transaction has been rolled back due to a "
                "previous exception during flush. Original exception was: UniqueViolation: duplicate key"
            ),
            "swallowed_commit_error",
        ),
        ("psycopg2.errors.InFailedSqlTransaction: current transaction is aborted, commands ignored", "swallowed_error"),
        ("sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) deadlock detected", "deadlock_order"),
        (
            "asyncpg.exceptions.SerializationError: could not serialize access due to concurrent update",
            "orm_write_skew",
        ),
        (
            "sqlalchemy.orm.exc.StaleDataError: UPDATE statement on table 'a' expected to update 1 row(s); 0",
            "orm_version_bypassed",
        ),
        (
            "sqlalchemy.exc.InvalidRequestError: Can't operate on closed transaction inside context manager.",
            "commit_inside_begin",
        ),
        ("sqlalchemy.exc.IllegalStateChangeError: Method 'close()' can't be called here", "async_gather"),
        (
            "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) server closed the connection unexpectedly",
            "dead_connections",
        ),
        ("psycopg2.OperationalError: lost synchronization with server: got message type", "engine_across_fork"),
        ("psycopg2.OperationalError: FATAL:  sorry, too many clients already", "engine_per_request"),
        (
            (
                "sqlalchemy.exc.IntegrityError: (raised as a result of Query-invoked autoflush; consider using a "
                "session.no_autoflush block) (psycopg2.errors.NotNullViolation)"
            ),
            "autoflush_half_filled",
        ),
        ("psycopg.errors.LockNotAvailable: canceling statement due to lock timeout", "llm_inside"),
        ("fastapi.exceptions.ResponseValidationError: 1 validation error", "return_orm_object"),
    ],
)
def test_an_error_leads_to_its_mistake_as_a_line_and_as_a_traceback(error: str, mistake: str) -> None:
    for text in (error, TRACEBACK.format(error=error), f"2026-01-02 03:04:05,678 ERROR app: {error}\n"):
        found = recognise(text)
        assert found.what == "error"
        assert found.error is not None
        assert found.error.mistakes[0] == mistake
    assert recognise(TRACEBACK.format(error=error)).frame == "/srv/app/api/users.py:41 (show)"
    assert recognise(TRACEBACK.format(error=error)).line == 8


@pytest.mark.parametrize("path", sorted((TESTS / "cases" / "deadlock_logs").iterdir()), ids=lambda path: path.name)
def test_logs_of_locks_are_told_apart(path: Path) -> None:
    found = recognise(path.read_text("utf-8"))
    assert found.what == ("lock_wait" if path.name.startswith("h-") else "deadlock")


@pytest.mark.parametrize("path", sorted((TESTS / "cases" / "code").iterdir()), ids=lambda path: path.name)
def test_code_is_code(path: Path) -> None:
    assert recognise(path.read_text("utf-8")).what == "code"


def test_scenarios_specs_and_histories_are_known_by_their_content() -> None:
    folder = resources.files(scenarios) / "catalogue"
    assert {recognise(file.read_text("utf-8")).what for file in folder.iterdir()} == {"scenario"}
    assert {recognise(path.read_text("utf-8")).what for path in (TESTS / "specs").glob("*.spec")} == {"spec"}
    histories = sorted((TESTS / "histories").glob("*/*.json"))
    assert histories
    assert {recognise(path.read_text("utf-8")).what for path in histories} == {"history"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "nothing"),
        (" \n\ufeff", "nothing"),
        ("hello there", "unknown"),
        ("def f(db):\n    yield (\n", "code"),
        ("```python\ndb = SessionLocal()\n```", "code"),
        (">>> db = SessionLocal()\n>>> db.query(User)", "code"),
        ("# deadlock detected, see below\ndef f(db):\n    db.commit()\n", "code"),
        ("@app.get('/')\n    def f(): ...", "code"),
        ('{"a": 1}', "unknown"),
        ("[" * 100_000, "unknown"),
        ("\0\0\0", "nothing"),
    ],
)
def test_the_rest_is_told_as_what_it_is(text: str, what: str) -> None:
    assert recognise(text).what == what


def test_of_a_notebook_the_code_is_read() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# deadlock detected"]},
        {"cell_type": "code", "source": ["%load_ext sql\n", "db = SessionLocal()\n"]},
        {"cell_type": "code", "source": "db.query(User)"},
    ]
    found = recognise(json.dumps({"cells": cells}))
    assert found.what == "code"
    assert "SessionLocal" in found.text
    assert "db.query" in found.text
    assert "%load" not in found.text


def test_every_row_leads_to_demonstrations_that_exist() -> None:
    keys = {mistake.key for mistake in MISTAKES}
    assert {key for error in ERRORS for key in error.mistakes} <= keys
    assert all(error.mistakes and error.means.endswith(".") for error in ERRORS)
