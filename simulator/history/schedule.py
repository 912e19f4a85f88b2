"""What happened: events in the order in which they were seen, and their JSON form.

A History is complete in itself: the checker and every figure work from it alone, live or loaded from a file.
Times are `time.monotonic_ns()` of the controlling process; only differences mean anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.strategies import configure_tagged_union

from simulator.errors import HistoryError
from simulator.history.application import LifecycleEvent
from simulator.history.event import Event
from simulator.history.observed import Lock, SessionSeen, TableVersions, Unseen
from simulator.history.words import CutKind, SkipReason, TransactionOutcome
from simulator.i18n.text import Text
from simulator.model import Isolation, Row, Scalar

#: Raised with every change that an older reader could not understand. 2 knows what applications do, 3 what was cut,
#: 4 transactions that are prepared or left open, and several of one session (`T1`, `T1:2`).
VERSION = 4
READABLE = (1, 2, 3, 4)


class Limits(NamedTuple):
    """What a file may hold, by who reads it."""

    #: as UTF-8
    bytes: int
    events: int
    sessions: int
    #: lists and objects: each takes memory, however short it is
    brackets: int


#: A page: an application traced for ten minutes, read in a few seconds by one page's own thread.
MAX_BYTES, MAX_EVENTS = 20_000_000, 50_000
PAGE = Limits(MAX_BYTES, MAX_EVENTS, 5_000, 500_000)
#: The command line, where who reads it waits for it alone.
COMMAND = Limits(200_000_000, 1_000_000, 200_000, 10_000_000)
#: Characters of one text, digits of one whole number.
MAX_TEXT = 100_000
MAX_DIGITS = 200
#: Bytes in which a file says what format it has.
_HEAD = 200


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
    #: rows of the results before the last, where any of them has some
    earlier_rows: tuple[tuple[Row, ...], ...] = ()
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

    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMessage(Event):
    """A message of the server that is no error: NOTICE, WARNING, or LOG (a lock wait reported by the server)."""

    severity: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCut(Event):
    """The step's answer was larger than what is kept of one: `kept` of `of` (None: nobody knows how many)."""

    what: CutKind
    kept: int
    of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded(Event):
    outcome: TransactionOutcome
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
class ForeignKey:
    """Each row's `columns` have the values of some row's `parent_columns`, or are NULL."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRules:
    """What the server does by itself with a table's rows, beside what the statements say."""

    #: columns of each unique index beside the primary key's
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    #: what reads or writes more than a statement's text shows: `policy`, `rule`, `trigger`, `function` (not one of the
    #: server's own, in a default or a check), `index` (an exclusion, or unique on expressions, some rows, or NULLs)
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableState:
    """Committed content of one table; `key_columns` is its primary key, empty where it has none."""

    table: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    rows: tuple[RowVersion, ...]
    #: rows beyond the limit that were not read
    truncated: bool = False
    #: None where they were not asked
    rules: TableRules | None = None


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
    | AnswerCut
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
    def from_json(cls, text: str, limits: Limits = PAGE) -> History:
        """Read what `to_json` wrote. Raises HistoryError."""
        if len(text) > limits.bytes or len(text.encode("utf-8", "replace")) > limits.bytes:
            raise too_large(limits)
        if text.count("{") + text.count("[") > limits.brackets:
            raise HistoryError(
                Text.of(
                    "This file holds more lists and objects than the {limit} that a history may have.",
                    limit=limits.brackets,
                )
            )
        return _structured(_fitting(_parsed(text), limits))


def too_large(limits: Limits) -> HistoryError:
    """Of a file with more bytes than that."""
    return HistoryError(
        Text.of("This file is too large; a history has at most {limit} MB.", limit=limits.bytes // 10**6)
    )


def saved_history(path: Path) -> History | None:
    """The history in a file that Txscope saved; None where the file is something else. Raises HistoryError."""
    try:
        with path.open("rb") as file:
            # `to_json` writes its format first, and others may put blanks between.
            if b'"txscope-history"' not in file.read(_HEAD):
                return None
            file.seek(0)
            return History.from_json(file.read(MAX_BYTES + 1).decode("utf-8", "replace"))
    except OSError as error:
        raise HistoryError(Text.of("{path} cannot be read: {reason}.", path=path, reason=str(error.strerror))) from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, parse_int=_whole)
    except RecursionError:
        raise HistoryError(
            Text.of("This JSON is nested too deeply for a history. Choose a file that Txscope saved.")
        ) from None
    except ValueError as error:
        raise HistoryError(
            Text.of("This is not JSON: {error}. Choose a file that Txscope saved.", error=str(error))
        ) from None
    if not isinstance(data, dict) or data.get("format") != "txscope-history":
        raise HistoryError(Text.of("This is JSON, but not a Txscope history. Choose a file that Txscope saved."))
    if data.get("version") not in READABLE:
        raise HistoryError(
            Text.of(
                "This history has version {found}; this Txscope reads up to version {newest}.",
                found=repr(data.get("version"))[:40],
                newest=VERSION,
            )
        )
    return data


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise HistoryError(
            Text.of(
                "A number in this file has {found} digits; a history's have at most {limit}.",
                found=len(digits),
                limit=MAX_DIGITS,
            )
        )
    return int(digits)


def _fitting(data: dict[str, Any], limits: Limits) -> dict[str, Any]:
    most_of = (
        ("sessions", limits.sessions, Text.of("This history has {found} sessions; at most {limit} can be shown here.")),
        ("events", limits.events, Text.of("This history has {found} events; at most {limit} can be shown here.")),
    )
    for name, most, sentence in most_of:
        given = data.get(name)
        if not isinstance(given, list):
            raise HistoryError(_damaged())
        if len(given) > most:
            raise HistoryError(sentence.given(found=len(given), limit=most))
    return {name: data[name] for name in ("sessions", "events")}


def _structured(data: dict[str, Any]) -> History:
    try:
        return converter().structure(data, History)
    except (ForbiddenExtraKeysError, KeyError, TypeError, ValueError, AttributeError):
        raise HistoryError(_damaged()) from None


def _damaged() -> Text:
    return Text.of("This history is damaged: a field is missing or has the wrong type.")


@lru_cache(maxsize=1)
def converter() -> cattrs.Converter:
    """A cattrs converter that knows events (by `kind`), scalars and enums."""
    # Where a file is wrong the first place is enough: a list of every one can be a thousand times the file.
    made = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    made.register_structure_hook_func(lambda t: t == Scalar, _scalar)
    # An enumeration is a str too, and the nearest class decides.
    made.register_structure_hook(StrEnum, _member)
    made.register_unstructure_hook(StrEnum, str)
    for kind, read in ((str, _text), (int, _number), (float, _fraction), (bool, _switch)):
        made.register_structure_hook(kind, read)
    # Files are read by whoever gets them: what a result says is in them in English.
    made.register_unstructure_hook(Text, Text.english)
    configure_tagged_union(AnyEvent, made, tag_name="kind")
    return made


def _scalar(value: object, _: object) -> Scalar:
    if isinstance(value, str):
        return _text(value, _)
    if value is None or isinstance(value, int | float):
        return value
    raise ValueError(f"{value!r} is not a plain value")


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.80} is not a text")
    if len(value) > MAX_TEXT:
        raise HistoryError(
            Text.of(
                "A text in this file has {found} characters; a history's have at most {limit}.",
                found=len(value),
                limit=MAX_TEXT,
            )
        )
    value.encode()  # half of a surrogate pair is no character: no page could show it
    return value


def _number(value: object, _: object) -> int:
    # Times and identifiers; beyond 64 bits they could not be reckoned with as fractions.
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise ValueError(f"{value!r:.80} is not a number")
    return value


def _fraction(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{value!r:.80} is not a number")
    return value


def _member(value: object, kind: type[StrEnum]) -> StrEnum:
    return kind(_text(value, kind))


def _switch(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r:.80} is neither true nor false")
    return value
