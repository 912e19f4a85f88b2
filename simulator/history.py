"""What happened: events in the order in which they were seen, and their JSON form.

A History is complete in itself: the checker and every figure work from it alone, live or loaded from a file.
Times are `time.monotonic_ns()` of the controlling process; only differences mean anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cattrs
from cattrs.strategies import configure_tagged_union

from simulator.errors import HistoryError
from simulator.event import Event
from simulator.i18n import gettext
from simulator.lifecycle import LifecycleEvent
from simulator.model import Isolation, Scalar
from simulator.seen import Lock, SessionSeen, TableVersions, Unseen

#: Raised with every change that an older reader could not understand. 2 knows what applications do.
VERSION = 2
READABLE = (1, 2)

Row = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionBegan(Event):
    isolation: Isolation
    #: 1 for the scheduled run of the transaction, 2 and more for retries
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStarted(Event):
    sql: str
    #: values bound to `:name`s
    parameters: tuple[tuple[str, Scalar], ...] = ()
    #: sets of parameters where one call sends several (executemany); only the first is kept
    many: int = 1
    #: the application's line that led to it: `kinds.py:41 save_message`, where it was looked for
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFinished(Event):
    """The last result of the step; a step of several statements keeps the others in `earlier`."""

    #: command tag as the server wrote it: `UPDATE 1`, `SELECT 2`, `COMMIT`
    tag: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    earlier: tuple[str, ...] = ()
    #: (name, value) where the step saves one
    saved: tuple[str, Scalar] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFailed(Event):
    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBlocked(Event):
    """The statement waits. `by` names the sessions that must go first, as the server answered."""

    by: tuple[str, ...]
    #: what it waits for, in the server's words: `transactionid 745 (ShareLock)`
    lock: str
    #: True where the engine cannot name a blocker and we concluded it
    inferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResumed(Event):
    """A statement that waited goes on; `released_by` is the step after which we saw it end its wait."""

    released_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(Event):
    """The step was not sent: its guard was false, or its transaction had ended."""

    #: `guard` or `ended`
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMessage(Event):
    """A message of the server that is no error: NOTICE, WARNING, or LOG (a lock wait reported by the server)."""

    severity: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded(Event):
    #: `committed`, `rolled back` (the application's wish), `aborted` (an error, or given up to be retried)
    outcome: str
    #: transaction id, where one was assigned: a transaction that wrote nothing has none
    xid: int | None = None
    #: SQLSTATE for `aborted` by the server
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class RowVersion:
    """One committed version of one row: `values` in the order of the table's columns, `xmin` its writer's xid."""

    key: Row
    xmin: int
    values: Row


@dataclass(frozen=True, slots=True)
class TableState:
    """Committed content of one table; `key_columns` is its primary key, empty where it has none."""

    table: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    rows: tuple[RowVersion, ...]
    #: rows beyond the limit that were not read
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Matches:
    """Keys of the rows of `table` for which `condition` was true; `condition` "" is every row."""

    table: str
    condition: str
    keys: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scenario's own SELECT gives on this committed state, asked by the observer (SQL without lock clause)."""

    sql: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedStateObserved(Event):
    """The committed state, seen by the observer's own connection while every session was settled.

    Seen once after the setup (`transaction` None) and once after every commit (`transaction` its name).
    """

    tables: tuple[TableState, ...]
    matches: tuple[Matches, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocksObserved(Event):
    """Sessions and their locks after `step` had been settled (`step` None: before the first one)."""

    sessions: tuple[SessionSeen, ...]
    locks: tuple[Lock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowVersionsObserved(Event):
    """The row versions at the same moment. Without `with_dead` only those that a new statement sees are listed."""

    tables: tuple[TableVersions, ...]
    unseen: tuple[Unseen, ...] = ()
    with_dead: bool = False


AnyEvent = (
    TransactionBegan
    | StatementStarted
    | StatementFinished
    | StatementFailed
    | StepBlocked
    | StepResumed
    | StepSkipped
    | ServerMessage
    | TransactionEnded
    | CommittedStateObserved
    | LocksObserved
    | RowVersionsObserved
    | LifecycleEvent
)


@dataclass(frozen=True, slots=True)
class History:
    """Events by `seq`; `sessions` in the order of their lanes."""

    sessions: tuple[str, ...]
    events: tuple[AnyEvent, ...]

    def of_step(self, key: str) -> tuple[AnyEvent, ...]:
        """Events of one step, in order."""
        return tuple(event for event in self.events if event.step == key)

    def to_json(self) -> str:
        """One JSON object: format, version, sessions, events (each with its `kind`)."""
        body: dict[str, Any] = converter().unstructure(self)
        return json.dumps({"format": "txscope-history", "version": VERSION, **body}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """Read what `to_json` wrote. Raises HistoryError."""
        try:
            data = json.loads(text)
        except RecursionError:
            raise HistoryError(
                gettext("This JSON is nested too deeply for a history. Choose a file that Txscope saved.")
            ) from None
        except ValueError as error:
            raise HistoryError(
                gettext("This is not JSON: {error}. Choose a file that Txscope saved.").format(error=error)
            ) from None
        if not isinstance(data, dict) or data.get("format") != "txscope-history":
            raise HistoryError(gettext("This is JSON, but not a Txscope history. Choose a file that Txscope saved."))
        if data.get("version") not in READABLE:
            raise HistoryError(
                gettext("This history has version {found}; this Txscope reads up to version {newest}.").format(
                    found=repr(data.get("version")), newest=VERSION
                )
            )
        try:
            return converter().structure({k: data[k] for k in ("sessions", "events")}, cls)
        except (cattrs.BaseValidationError, KeyError, TypeError, ValueError):
            raise HistoryError(gettext("This history is damaged: a field is missing or has the wrong type.")) from None


@lru_cache(maxsize=1)
def converter() -> cattrs.Converter:
    """A cattrs converter that knows events (by `kind`), scalars and enums."""
    made = cattrs.Converter(forbid_extra_keys=True)
    made.register_structure_hook_func(lambda t: t == Scalar, _scalar)
    configure_tagged_union(AnyEvent, made, tag_name="kind")
    return made


def _scalar(value: object, _: object) -> Scalar:
    if value is None or isinstance(value, int | float | str | bool):
        return value
    raise ValueError(f"{value!r} is not a plain value")
