"""Histories of operations from a file: JSON or EDN, one map a line, or all of them in one array or vector.

    {"type": "ok", "process": 0, "f": "txn", "value": [["append", "x", 1], ["r", "x", [1]]]}
    {:type :ok, :process 0, :f :txn, :value [[:append :x 1] [:r :x [1]]]}

A file of lines is read line by line and never held whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from simulator.anomalies.operations.edn import forms
from simulator.anomalies.operations.types import Completion, Function, Operation, Transaction
from simulator.errors import HistoryError
from simulator.i18n.text import Text

#: Bytes of a line, and of a file that is one array or that has maps of several lines: those are held whole.
MAX_LINE = 16_000_000
MAX_WHOLE = 200_000_000
MAX_TRANSACTIONS = 1_000_000
MAX_OPERATIONS = 10_000
#: Characters of a key or an element.
MAX_NAME = 1_000

#: place in the file, from 1, and what stands there
Entry = tuple[int, Any]
# `True` and `1.0` would be the same as `1`, and so would an element of one list be that of another.
_NAMES = frozenset((int, str))

Reader = Callable[[bytes], list[Any]]


_JSON = re.compile(rb"\s*(?:\[\s*)*(?:\{\s*[\"}]|\]|\Z)")


def entries(path: Path) -> Iterator[Entry]:
    """What stands in a file, by line; by number where it is one array or its maps take several lines.

    Raises HistoryError, for a damaged line once it is reached.
    """
    try:
        with path.open("rb") as file:
            start = _first_line(file)
            read = _json if _JSON.match(start) else _edn
            file.seek(0)
            yield from _by_line(file, read) if _stands_alone(start, read) else _whole(file, read)
    except OSError as error:
        raise HistoryError(Text.of("{path} cannot be read: {reason}.", path=path, reason=str(error.strerror))) from None


def transactions(found: Iterable[Entry]) -> Iterator[Transaction]:
    """Transactions in the order of their completions; at last those that were begun and never completed.

    Entries that are no transactions (`f` is not `txn`, or the process is no number) are passed over. Raises
    HistoryError.
    """
    begun: dict[Any, tuple[int, Any]] = {}
    count = 0
    for place, entry in found:
        if not isinstance(entry, Mapping):
            raise _damaged(place, Text.of("it is not a map such as {example}", example='{"type": "ok", "value": []}'))
        process = entry.get("process")
        if entry.get("f", "txn") != "txn" or not isinstance(process, int | None):
            continue
        kind, value = entry.get("type"), entry.get("value")
        if kind == "invoke":
            # A process that begins anew has lost sight of what it had begun.
            if process in begun:
                yield _transaction(*begun.pop(process), Completion.INFO)
            begun[process] = place, value
            continue
        invoked = begun.pop(process, (place, None))[1]
        yield _transaction(place, invoked if value is None else value, _completion(place, kind))
        count += 1
        if count > MAX_TRANSACTIONS:
            raise HistoryError(
                Text.of(
                    "This history has more than {limit} transactions, the most that are checked.",
                    limit=MAX_TRANSACTIONS,
                )
            )
    for place, value in begun.values():
        yield _transaction(place, value, Completion.INFO)


def _first_line(file: BinaryIO) -> bytes:
    return next((line for line in iter(lambda: file.readline(MAX_LINE), b"") if line.strip()), b"")


def _stands_alone(line: bytes, read: Reader) -> bool:
    """Whether the line is one map, so that the others are expected to be."""
    try:
        values = read(line)
    except HistoryError:
        return False
    return len(values) == 1 and isinstance(values[0], dict)


def _by_line(file: BinaryIO, read: Reader) -> Iterator[Entry]:
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
        if len(line) > MAX_LINE:
            raise _damaged(number, Text.of("it is longer than {limit} MB", limit=MAX_LINE // 10**6))
        try:
            for value in read(line):
                yield number, value
        except HistoryError as error:
            raise _damaged(number, error.text) from None


def _whole(file: BinaryIO, read: Reader) -> Iterator[Entry]:
    text = file.read(MAX_WHOLE + 1)
    if len(text) > MAX_WHOLE:
        limit = MAX_WHOLE // 10**6
        raise HistoryError(
            Text.of("This file is larger than {limit} MB; write one map a line, and it may be longer.", limit=limit)
        )
    try:
        values = read(text)
    except HistoryError as error:
        raise HistoryError(Text.of("This is no history: {reason}.", reason=error.text)) from None
    yield from enumerate(values[0] if len(values) == 1 and isinstance(values[0], list) else values, start=1)


def _json(text: bytes) -> list[Any]:
    try:
        return [orjson.loads(text)] if text.strip() else []
    except orjson.JSONDecodeError as error:
        raise HistoryError(Text.of("it is not JSON ({reason})", reason=str(error))) from None


def _edn(text: bytes) -> list[Any]:
    try:
        return list(forms(text.decode()))
    except UnicodeDecodeError:
        raise HistoryError(Text.of("it is not UTF-8")) from None


def _completion(place: int, kind: object) -> Completion:
    try:
        return Completion(kind)  # type: ignore[arg-type]  # whatever the file says
    except ValueError:
        raise _damaged(
            place, Text.of("its type is {found}, and not invoke, ok, fail or info", found=repr(kind)[:40])
        ) from None


def _transaction(place: int, value: object, completion: Completion) -> Transaction:
    if value is None and completion is not Completion.OK:
        value = []
    if not isinstance(value, list) or len(value) > MAX_OPERATIONS:
        raise _damaged(place, Text.of("its value is no list of at most {limit} operations", limit=MAX_OPERATIONS))
    try:
        return Transaction(place, completion, tuple(map(_operation, value)))
    except ValueError as error:
        (operation,) = error.args
        raise _damaged(
            place,
            Text.of(
                "{operation} is no operation such as {read}, {append} or {write}",
                operation=repr(operation)[:60],
                read='["r", "x", [1]]',
                append='["append", "x", 1]',
                write='["w", "x", 1]',
            ),
        ) from None


def _operation(given: Any) -> Operation:
    """Raises ValueError with what was given."""
    if not isinstance(given, list) or len(given) != 3 or not _is_name(given[1]):
        raise ValueError(given)
    function, key, value = given
    if function == "r" and _is_value(value):
        return Operation(Function.READ, key, value)
    if function in ("append", "w") and _is_name(value):
        return Operation(Function.APPEND if function == "append" else Function.WRITE, key, value)
    raise ValueError(given)


def _is_value(value: Any) -> bool:
    if type(value) is not list:
        return value is None or _is_name(value)
    kinds = set(map(type, value))
    return kinds <= _NAMES and (str not in kinds or all(map(_is_name, value)))


def _is_name(value: Any) -> bool:
    return type(value) is int or (type(value) is str and len(value) <= MAX_NAME)


def _damaged(place: int, reason: Text) -> HistoryError:
    return HistoryError(Text.of("Line {line}: {reason}.", line=place, reason=reason))
