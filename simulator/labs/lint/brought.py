"""What somebody pasted or dropped, told by its content: code, a traceback, a log line, a history, a scenario, a spec.

One table of errors leads from what SQLAlchemy, a driver or PostgreSQL says to the mistakes that end in it.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simulator.findings.deadlock import read_report
from simulator.i18n.text import N_

What = Literal["nothing", "code", "error", "deadlock", "lock_wait", "history", "scenario", "spec", "unknown"]
#: Bytes of a text that are looked at for an error; a log may be long, and what counts stands near its end.
_LOOKED_AT = 400_000
#: Characters up to which a text is parsed to find out whether it is code.
_PARSED = 200_000


@dataclass(frozen=True, slots=True)
class Error:
    """One row: what is said, what it means (translated where it is shown), and the mistakes that end in it."""

    said: re.Pattern[str]
    means: str
    mistakes: tuple[str, ...]
    #: the page that shows it, and what is picked there
    page: str = "mistakes"


@dataclass(frozen=True, slots=True)
class Brought:
    """What a text is. `text` is what the page that it leads to takes: of a notebook, the code of its cells.

    `line` is the line of an error (from 1), `frame` the last frame of a traceback that is no library's.
    """

    what: What
    text: str
    error: Error | None = None
    line: int | None = None
    frame: str = ""


def _row(said: str, means: str, *mistakes: str, page: str = "mistakes") -> Error:
    return Error(re.compile(said), means, mistakes, page)


#: The first that fits counts: what is particular stands before what it is an example of.
ERRORS = (
    _row(
        r"Query-invoked autoflush",
        N_("A query flushed an object that was not ready to be stored."),
        "autoflush_half_filled",
    ),
    _row(
        r"MissingGreenlet|greenlet_spawn has not been called",
        N_("An attribute had to be loaded where nothing can be awaited."),
        "async_lazy_load",
        "onupdate_async",
        "return_orm_object",
    ),
    _row(
        r"DetachedInstanceError|is not bound to a Session; (lazy load|attribute refresh)",
        N_("An object was read when its Session was over."),
        "lazy_after_close",
        "object_to_background_task",
    ),
    _row(
        r"PendingRollbackError|rolled back due to a previous exception during flush"
        r"|Can't reconnect until invalid transaction",
        N_("An earlier error was swallowed, and nobody rolled the Session back."),
        "swallowed_commit_error",
        "swallowed_error",
        "batch_bad_row",
    ),
    _row(
        r"InFailedSqlTransaction|\b25P02\b|current transaction is aborted",
        N_("A statement failed before, and the transaction was not rolled back."),
        "swallowed_error",
        "batch_bad_row",
        "retry_inside",
    ),
    _row(
        r"QueuePool limit|Timeout.*(QueuePool|AsyncAdaptedQueuePool)|pool (is )?exhausted|PoolTimeout",
        N_("All connections of the pool were out, and none came back in time."),
        "connection_leak",
        "no_finally",
        "llm_inside",
        "streaming_answer",
        "two_sessions",
        "thread_pool",
    ),
    _row(
        r"Can't operate on closed transaction inside context manager",
        N_("Something committed inside of a with that holds a transaction."),
        "commit_inside_begin",
    ),
    _row(
        r"IllegalStateChangeError|concurrent operations are not permitted|another operation is in progress",
        N_("Two tasks used one Session at the same time."),
        "async_gather",
        "shared_session",
    ),
    _row(
        r"is already attached to session|already present in this session",
        N_("One object met two Sessions."),
        "two_sessions",
        "shared_session",
    ),
    _row(
        r"StaleDataError|expected to update \d+ row",
        N_("A row was changed or deleted by somebody else since it was loaded."),
        "orm_version_bypassed",
        "orm_lost_update",
    ),
    _row(
        r"lost synchronization with server|decryption failed or bad record mac|PGRES_TUPLES_OK and no message"
        r"|insufficient data in .D. message",
        N_("Two processes speak on one connection."),
        "engine_across_fork",
    ),
    _row(
        r"server closed the connection unexpectedly|connection (was|has been) closed (unexpectedly|in the middle)"
        r"|SSL connection has been closed|\b57P01\b|terminating connection due to administrator|AdminShutdown"
        r"|Lost connection to|server has gone away|connection is closed",
        N_("A connection of the pool was dead when it was lent."),
        "dead_connections",
        "engine_across_fork",
    ),
    _row(
        r"too many clients already|remaining connection slots|\b53300\b|TooManyConnections",
        N_("The server has no connection left: pools and processes take more than it allows."),
        "engine_per_request",
        "connection_leak",
    ),
    _row(
        r"idle.in.transaction (session )?timeout|\b25P03\b|IdleInTransactionSessionTimeout",
        N_("A transaction was open and did nothing, for longer than the server allows."),
        "llm_inside",
        "stale_worker_loop",
        "streaming_answer",
    ),
    _row(
        r"non-checked-in connection|garbage collector is trying to clean up",
        N_("A Session or connection was forgotten, and not closed."),
        "connection_leak",
        "no_finally",
    ),
    _row(
        r"\b40P01\b|DeadlockDetected|deadlock detected|Deadlock found when trying to get lock",
        N_("Two transactions waited for each other, and one of them was aborted."),
        "deadlock_order",
    ),
    _row(
        r"\b40001\b|SerializationFailure|could not serialize access",
        N_("The transaction could not be put in an order with the others: it has to be tried again as a whole."),
        "orm_write_skew",
        "retry_inside",
    ),
    _row(
        r"\b55P03\b|LockNotAvailable|lock timeout|Lock wait timeout exceeded",
        N_("A row or table was locked by another transaction for too long."),
        "llm_inside",
        "deadlock_order",
    ),
    _row(
        r"\b23505\b|UniqueViolation|UNIQUE constraint failed|duplicate key value|Duplicate entry",
        N_("A row of this key was there already: what was looked up before is no lock."),
        "batch_bad_row",
        "add_before_savepoint",
        "orm_write_skew",
    ),
    _row(
        r"ResponseValidationError",
        N_("The answer could not be made from what the endpoint returned."),
        "return_orm_object",
    ),
    _row(
        r"\b57014\b|QueryCanceled|statement timeout",
        N_("A statement took longer than it may, often because it waited for a lock."),
        "deadlock_order",
        "llm_inside",
    ),
)
# However long the name of a lock may be: without a limit a text of half such lines takes half a minute.
_DEADLOCK = re.compile(r"waits for \w+ on .{1,200}?blocked by process \d+", re.DOTALL)
_LOCK_WAIT = re.compile(r"process \d+ (still waiting for|acquired) \w+ on ")
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)(?:, in (\S+))?')
_LIBRARY = re.compile(r"site-packages|dist-packages|/lib/python3|<frozen|<string>")
_SPEC = re.compile(r"^\s*(setup|teardown|session\s+\S+|step\s+\S+|permutation\b)", re.MULTILINE)
_LOOKS_LIKE_CODE = re.compile(
    r"^\s*(from \S+ import |import \w|(async )?def \w+|class \w+|with .*:|for .* in .*:|while .*:|return\b|yield\b|@\w"
    r"|\w[\w.]* = \w[\w.]*\(|(await )?\w[\w.]*\(|>>> |try:|raise |```)",
    re.MULTILINE,
)
_LOGGED = re.compile(
    r"Traceback \(most recent call last\)|^\s*\d{4}-\d\d-\d\d[ T]\d\d:\d\d"
    r"|^(sqlalchemy|psycopg2?|asyncpg|fastapi)\.\S*:|^(ERROR|FATAL|WARNING|DETAIL|LOG|HINT)\s*[:\[]"
    r"|^\S+(Error|Exception|Detected|Failure)\b\s*:|\(Background on this error",
    re.MULTILINE,
)


def recognise(text: str) -> Brought:
    """What a text is; never raises."""
    text = text.replace("\ufeff", "").replace("\0", "")
    if not text.strip():
        return Brought("nothing", text)
    for look in _LOOKS:
        found = look(text)
        if found is not None:
            return found
    return Brought("code" if _LOOKS_LIKE_CODE.search(text) else "unknown", text)


def _as_json(text: str) -> Brought | None:
    """A history, a notebook, or an error that was logged as JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict) and isinstance(data.get("cells"), list):
        return Brought("code", _cells(data["cells"]))
    if isinstance(data, dict) and "events" in data:
        return Brought("history", text)
    return _as_locks(text) or _as_error(text.replace("\\n", "\n")) or Brought("unknown", text)


def _cells(cells: list[object]) -> str:
    """The code of a notebook, without what only IPython understands."""
    found = []
    for cell in cells:
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        lines = source if isinstance(source, list) else str(source).splitlines(keepends=True)
        found.append("".join("\n" if str(line).lstrip().startswith(("%", "!")) else str(line) for line in lines))
    return "\n\n".join(part for part in found if part.strip())


def _as_scenario(text: str) -> Brought | None:
    """A scenario file: TOML with sessions, even where the rest of it is wrong."""
    if not re.search(r"^\s*\[+\s*(sessions|variants|setup|invariant)\b", text, re.MULTILINE):
        return None
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return Brought("scenario", text) if re.search(r"^title\s*=", text, re.MULTILINE) else None
    return Brought("scenario", text)


def _as_spec(text: str) -> Brought | None:
    """A file of PostgreSQL's isolationtester."""
    heads = {match[1].split()[0] for match in _SPEC.finditer(text)}
    return Brought("spec", text) if {"session", "step"} <= heads and "{" in text else None


def _as_code(text: str) -> Brought | None:
    """What Python reads, and is more than a word or two."""
    if len(text) > _PARSED:
        return Brought("code", text) if not _LOGGED.search(text) and _LOOKS_LIKE_CODE.search(text) else None
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    told = all(isinstance(node, ast.Expr | ast.AnnAssign) and not _is_called(node) for node in module.body)
    return None if told else Brought("code", text)


def _is_called(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call | ast.Await)


def _as_error(text: str) -> Brought | None:
    """A traceback or a log: what it says last counts, and of that the most particular."""
    looked_at = text[-_LOOKED_AT:]
    locks = _as_locks(text)
    if locks is not None:
        return locks
    frame = _last_frame(looked_at)
    for error in ERRORS:
        if error.said.search(looked_at):
            return Brought("error", text, error, _line_of(text, error.said), frame)
    return Brought("unknown", text, frame=frame) if _LOGGED.search(looked_at) else None


def _as_locks(text: str) -> Brought | None:
    """A report of a deadlock or of a wait for a lock, whatever carries it and in whatever language."""
    looked_at = text[-_LOOKED_AT:]
    report = read_report(looked_at) if "Lock" in looked_at else None
    if _DEADLOCK.search(looked_at) or (report is not None and report.is_deadlock):
        return Brought("deadlock", text, _named("deadlock_order"), _line_of(text, _DEADLOCK))
    if _LOCK_WAIT.search(looked_at) or report is not None:
        return Brought("lock_wait", text, None, _line_of(text, _LOCK_WAIT))
    return None


def _as_logged(text: str) -> Brought | None:
    """A traceback may begin with lines that Python reads, too: it is asked before code is."""
    return _as_error(text) if _LOGGED.search(text) and not _defines(text) else None


def _defines(text: str) -> bool:
    """Whether a text has a function of its own, so that an error in it is a comment."""
    return bool(re.search(r"^(async )?def \w+|^class \w+.*:", text, re.MULTILINE)) and "Traceback (most" not in text


def _named(mistake: str) -> Error:
    return next(error for error in ERRORS if mistake in error.mistakes)


def _line_of(text: str, pattern: re.Pattern[str]) -> int | None:
    """The last line that says so."""
    found = list(pattern.finditer(text))
    return text.count("\n", 0, found[-1].start()) + 1 if found else None


def _last_frame(text: str) -> str:
    own = [match for match in _FRAME.finditer(text) if not _LIBRARY.search(match[1])]
    if not own:
        return ""
    path, line, function = own[-1].groups()
    return f"{path}:{line}" + (f" ({function})" if function else "")


#: In the order in which they are asked.
_LOOKS: tuple[Callable[[str], Brought | None], ...] = (
    _as_json,
    _as_scenario,
    _as_spec,
    _as_logged,
    _as_code,
    _as_error,
)
