"""From whatever carries a report (a log's prefix, syslog, a container, CSV, JSON, one line) to its plain lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator

#: Bytes of a text that are looked at: the latest report stands near its end.
LOOKED_AT = 400_000
#: What a container or syslog puts in front of every line.
_PREFIX = re.compile(
    r"^(?:[\w.-]+ +\| ?|\w{3} [ \d]\d [\d:]{8} \S+ \S+\[\d+\]: (?:\[[\d-]+\] ?)?|\S+ \S+ (?:stdout|stderr) [FP] )"
)
#: Columns of PostgreSQL's csvlog; https://www.postgresql.org/docs/18/runtime-config-logging.html.
_SEVERITY, _MESSAGE, _DETAIL, _CONTEXT, _QUERY = 11, 13, 14, 18, 19
_SEVERITIES = frozenset({"ERROR", "LOG", "FATAL", "WARNING", "PANIC", "NOTICE", "INFO"})
#: Names under which JSON has each part; what else holds text is taken as it is.
_PARTS = {
    "message": "",
    "msg": "",
    "detail": "DETAIL:  ",
    "details": "DETAIL:  ",
    "context": "CONTEXT:  ",
    "where": "CONTEXT:  ",
    "statement": "STATEMENT:  ",
    "query": "STATEMENT:  ",
    "sql": "STATEMENT:  ",
}
_DEEPEST = 8


def lines_of(text: str) -> str:
    """The report's lines, without what carried them."""
    text = text.replace("\ufeff", "").replace("\0", "").replace("\r\n", "\n")[-LOOKED_AT:]
    found = _from_json(text) or _from_csv(text) or text
    if found.count("\n") < 2 and "\\n" in found:
        found = found.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    found = found.replace("#011", "\t").replace("#012", "\n")
    return "\n".join(_PREFIX.sub("", line) for line in found.split("\n"))


def _from_json(text: str) -> str:
    """One object, a list, or an object a line; "" where it is no JSON."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return ""
    try:
        return "\n".join(_strings(json.loads(stripped)))
    except (ValueError, RecursionError):
        pass
    parts = [_line(line) for line in stripped.split("\n")]
    return "\n".join(parts) if any(parts) else ""


def _line(line: str) -> str:
    try:
        return "\n".join(_strings(json.loads(line)))
    except (ValueError, RecursionError):
        return ""


def _strings(data: object, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(data, str):
        yield data
    elif isinstance(data, list):
        for each in data:
            yield from _strings(each, depth + 1)
    elif isinstance(data, dict):
        # In the order of a log, whatever the order of the keys.
        for name in sorted(data, key=_place):
            label = _PARTS.get(str(name).lower(), "")
            for found in _strings(data[name], depth + 1):
                yield f"{label}{found}"


def _place(name: object) -> int:
    names = tuple(_PARTS)
    lowered = str(name).lower()
    return names.index(lowered) if lowered in _PARTS else -1


def _from_csv(text: str) -> str:
    """PostgreSQL's csvlog; "" where it is none."""
    if '","' not in text and ",ERROR," not in text and ",LOG," not in text:
        return ""
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if len(row) > _QUERY and row[_SEVERITY] in _SEVERITIES]
    except csv.Error:
        return ""
    return "\n".join(_row(row) for row in rows)


def _row(row: list[str]) -> str:
    parts = (
        (f"{row[_SEVERITY]}:  ", row[_MESSAGE]),
        ("DETAIL:  ", row[_DETAIL]),
        ("CONTEXT:  ", row[_CONTEXT]),
        ("STATEMENT:  ", row[_QUERY]),
    )
    return "\n".join(f"{label}{text}" for label, text in parts if text)
