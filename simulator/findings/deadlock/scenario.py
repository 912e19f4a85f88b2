"""A scenario file that closes the same circle when it is run: what the log names, and placeholders for the rest.

Each process is a session. It first takes what another one waits for, by a statement that no log has (a placeholder),
and then wants what it waited for, as far as the report says by what. Tables have an `id` and a `value` for whatever
columns there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from simulator.findings.deadlock.report import Doing, Kind, Report, Wait
from simulator.findings.touch import touched
from simulator.i18n.text import N_

#: Of a lock on a table: the mode that stands in its way and that two sessions may hold at once.
_IN_THE_WAY: Mapping[str, str] = {
    "AccessExclusiveLock": "ACCESS SHARE",
    "ExclusiveLock": "ROW SHARE",
    "ShareRowExclusiveLock": "ROW EXCLUSIVE",
    "ShareLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE",
    "RowExclusiveLock": "SHARE",
    "RowShareLock": "EXCLUSIVE",
    "AccessShareLock": "ACCESS EXCLUSIVE",
}
_MODES = {
    f"{words.title().replace(' ', '')}Lock": words
    for words in (
        "ACCESS SHARE",
        "ROW SHARE",
        "ROW EXCLUSIVE",
        "SHARE UPDATE EXCLUSIVE",
        "SHARE",
        "SHARE ROW EXCLUSIVE",
        "EXCLUSIVE",
        "ACCESS EXCLUSIVE",
    )
}
_TABLE = re.compile(
    r"\b(?:update(?:\s+only)?|insert\s+into|delete\s+from|merge\s+into|lock\s+(?:table\s+)?|alter\s+table|from)\s+"
    r"(?:only\s+)?(?:\"?[\w$]+\"?\.)?\"?(?P<name>[\w$]+)\"?",
    re.IGNORECASE,
)
_SIMPLE = re.compile(r"^[a-z_][a-z0-9_]*$")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_LONGEST_NAME = 60
#: Where nothing names one.
_UNNAMED = "placeholder_table"
#: A scenario has eight sessions at most.
_MOST = 8
#: Why there is none; for gettext.
NOT_A_CIRCLE = N_("A wait is no circle: the demonstration shows what it looks like.")
NOT_MADE_OF_SQL = N_("These locks are the server's own: no statement takes them on purpose.")
TOO_MANY = N_("More processes are in this circle than a scenario has sessions.")


@dataclass(slots=True)
class _Draft:
    """What is made up on the way."""

    tables: dict[str, set[int]] = field(default_factory=dict)
    #: child -> the table that it refers to
    children: dict[str, str] = field(default_factory=dict)
    #: two of them insert the same key
    has_keys: bool = False
    #: by process: what it takes first, and what it wants then
    takes: dict[int, str] = field(default_factory=dict)
    wants: dict[int, str] = field(default_factory=dict)


def refusal(report: Report) -> str:
    """Why no scenario can be made of it, for gettext; "" where one can."""
    if not report.is_deadlock:
        return NOT_A_CIRCLE
    if len(report.waits) > _MOST:
        return TOO_MANY
    if any(wait.object.kind in (Kind.VIRTUAL, Kind.OTHER) for wait in report.waits):
        return NOT_MADE_OF_SQL
    return ""


def scenario_toml(report: Report) -> str:
    """The file; "" where none can be made."""
    if refusal(report):
        return ""
    draft = _Draft()
    for number, wait in enumerate(report.waits, start=1):
        _resource(draft, report, wait, number)
    return "\n".join(_file(report, draft))


def _resource(draft: _Draft, report: Report, wait: Wait, number: int) -> None:
    """How the blocker takes what the process wants, and how that wants it."""
    kind, names = _what(draft, report, wait, number)
    names = {"id": number, **names}
    draft.takes[wait.blocker or 0] = _TAKEN[kind].format_map(names)
    draft.wants[wait.process] = _WANTED[kind].format_map(names)


#: How each kind of thing is taken, and how it is wanted.
_TAKEN: Mapping[str, str] = {
    "update": "UPDATE {table} SET value = value + 1 WHERE id = {id}",
    "delete": "UPDATE {table} SET value = value + 1 WHERE id = {id}",
    "lock": "UPDATE {table} SET value = value + 1 WHERE id = {id}",
    "key": "INSERT INTO {table} (id, value) VALUES (10{id}, 1)",
    "reference": "SELECT id FROM {table} WHERE id = {id} FOR UPDATE",
    "relation": "LOCK TABLE {table} IN {taken} MODE",
    "advisory": "SELECT pg_advisory_xact_lock({key})",
}
_WANTED: Mapping[str, str] = {
    "update": "UPDATE {table} SET value = value + 10 WHERE id = {id}",
    "delete": "DELETE FROM {table} WHERE id = {id}",
    "lock": "SELECT id FROM {table} WHERE id = {id} {strength}",
    "key": "INSERT INTO {table} (id, value) VALUES (10{id}, 2)",
    "reference": "INSERT INTO {child} (id, value) VALUES (10{id}, {id})",
    "relation": "LOCK TABLE {table} IN {wanted} MODE",
    "advisory": "SELECT pg_advisory_xact_lock({key})",
}


def _what(draft: _Draft, report: Report, wait: Wait, number: int) -> tuple[str, Mapping[str, object]]:
    """The kind of thing that the process wants, and the names of it."""
    if wait.object.kind is Kind.ADVISORY:
        return "advisory", {"key": _advisory(wait.object.numbers)}
    if wait.object.kind is Kind.RELATION:
        table = _quoted(_table_of(report, wait) or f"relation_{wait.object.numbers[0]}")
        draft.tables.setdefault(table, set())
        return "relation", {"table": table, "taken": _IN_THE_WAY[wait.mode], "wanted": _MODES[wait.mode]}
    return _row(draft, report, wait, number)


def _advisory(numbers: tuple[int, ...]) -> str:
    """One number or two, as the lock was taken: the fourth of those in the log says which."""
    _database, high, low, size = (*numbers, 0, 0, 0, 0)[:4]
    if size == 2:
        return f"{_signed(high)}, {_signed(low)}"
    return str((_signed(high) << 32) | low)


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number


def _row(draft: _Draft, report: Report, wait: Wait, number: int) -> tuple[str, Mapping[str, object]]:
    """A row, or a key, of the table that the process was at."""
    sql = report.statements.get(wait.process, "")
    is_victim = wait.process == report.victim
    table = _quoted(_table_of(report, wait) or _UNNAMED)
    foreign = report.doing(Doing.FOREIGN_KEY) if is_victim else None
    if foreign is not None:
        parent = _quoted(foreign.name)
        child = table if table != parent else f"{_UNNAMED}_child"
        draft.tables.setdefault(parent, set()).add(number)
        draft.children[child] = parent
        return "reference", {"table": parent, "child": child}
    rows = draft.tables.setdefault(table, set())
    # Of whom nothing is known is taken to have done what the one did of whom something is.
    if _inserts(sql) or (report.doing(Doing.INSERTING) and (is_victim or not sql)):
        draft.has_keys = True
        return "key", {"table": table}
    rows.add(number)
    kind = _verb(sql, report, wait)
    return kind, {"table": table, "strength": _strength(sql)}


def _verb(sql: str, report: Report, wait: Wait) -> str:
    """By the statement, or of who reported by the CONTEXT."""
    touch = touched(sql) if sql else None
    doing = report.contexts[0].doing if wait.process == report.victim and report.contexts else None
    if (touch is not None and touch.verb == "select") or doing is Doing.LOCKING:
        return "lock"
    return "delete" if (touch is not None and touch.verb == "delete") or doing is Doing.DELETING else "update"


def _strength(sql: str) -> str:
    """Another transaction's UPDATE lets FOR KEY SHARE through: who waits behind one asked for more."""
    found = re.search(r"FOR (?:NO KEY UPDATE|SHARE|UPDATE)", sql, re.IGNORECASE)
    return found[0].upper() if found else "FOR UPDATE"


def _inserts(sql: str) -> bool:
    return bool(re.match(r"\s*insert\b", sql, re.IGNORECASE))


def _table_of(report: Report, wait: Wait) -> str:
    """By the statement, or for who reported by the CONTEXT; an index is no table."""
    sql = report.statements.get(wait.process, "")
    touch = touched(sql) if sql else None
    if touch is not None and touch.table:
        return touch.table
    if found := _TABLE.search(sql):
        return found["name"]
    if wait.process == report.victim:
        rows = (Doing.UPDATING, Doing.DELETING, Doing.LOCKING, Doing.RECHECKING)
        if context := report.doing(*rows):
            return context.name
    others = [report.statements.get(each, "") for each in report.processes]
    return next((found["name"] for each in others if (found := _TABLE.search(each))), _by_context(report))


def _by_context(report: Report) -> str:
    rows = (Doing.UPDATING, Doing.DELETING, Doing.LOCKING, Doing.RECHECKING)
    context = report.doing(*rows)
    return context.name if context is not None else ""


def _quoted(name: str) -> str:
    name = _CONTROL.sub("", name)[:_LONGEST_NAME] or _UNNAMED
    return name if _SIMPLE.match(name) else '"' + name.replace('"', '""') + '"'


def _file(report: Report, draft: _Draft) -> Iterator[str]:
    yield "# Made of a report of a deadlock. PLACEHOLDERs stand for what no log has: replace them, the circle stays."
    yield from _placeholders(report, draft)
    yield 'key = "deadlock_from_log"'
    yield f"title = {_text('Deadlock of ' + ' and '.join(map(str, report.processes)))}"
    yield 'family = "locks"'
    yield f"story = {_text(_story(report))}"
    yield 'levels = ["READ COMMITTED"]'
    yield f"setup = {_text(chr(10).join(_setup(draft)))}"
    yield ""
    yield "[[variants]]"
    yield 'key = "as_logged"'
    yield 'title = "Each takes its own first, then the other one\'s"'
    yield f"schedule = {json.dumps(_schedule(report))}"
    # The retry of who was ended finds the key taken.
    yield f'expect = {{ RC = "{"deadlock" if draft.has_keys else "retried"}" }}'
    for process in report.processes:
        yield f"sessions.P{process} = ["
        yield f"  # PLACEHOLDER first_{process}: how it had taken what another one wants"
        yield f'  {{ name = "first_{process}", sql = {_text(draft.takes[process])} }},'
        if sql := report.statements.get(process, ""):
            yield f"  # logged: {_comment(sql)}"
        yield f'  {{ name = "then_{process}", sql = {_text(draft.wants[process])} }},'
        yield '  { name = "commit", sql = "COMMIT" },'
        yield "]"
    yield ""


def _placeholders(report: Report, draft: _Draft) -> Iterator[str]:
    for process in report.processes:
        yield f"# PLACEHOLDER first_{process}: {draft.takes[process]}"
    for table in dict.fromkeys((*draft.tables, *draft.children)):
        yield f"# PLACEHOLDER columns of {table}: id and value, for those of the condition and of the change"


def _schedule(report: Report) -> list[str]:
    """Each takes its own, then each wants another one's; who was ended in the log closes the circle.

    Its end lets go on who waited for it, the end of that one the next, and so on backwards.
    """
    victim, *others = report.processes
    steps = [f"P{process}.{name}_{process}" for name in ("first", "then") for process in (*others, victim)]
    return [*steps, *(f"P{process}.commit" for process in (*reversed(others), victim))]


_CREATE = "CREATE TABLE {table} (id int PRIMARY KEY, value int{rest});"
_FILL = "INSERT INTO {table} (id, value) VALUES {values};"


def _setup(draft: _Draft) -> Iterator[str]:
    """Tables that are referred to come first."""
    for table in sorted({*draft.tables, *draft.children}, key=lambda name: name in draft.children):
        parent = draft.children.get(table)
        rest = f" REFERENCES {parent} (id)" if parent is not None else " NOT NULL"
        yield _CREATE.format(table=table, rest=rest)
        if rows := draft.tables.get(table):
            value = "NULL" if parent is not None else "0"
            yield _FILL.format(table=table, values=", ".join(f"({row}, {value})" for row in sorted(rows)))


def _story(report: Report) -> str:
    waits = "; ".join(
        f"process {wait.process} waits for {wait.mode} on {wait.object.text}, which process {wait.blocker} has"
        for wait in report.waits
    )
    return f"From a server's log: {waits}. What each had done before is not in the log and is made up here."


def _comment(sql: str) -> str:
    return _CONTROL.sub("?", " ".join(sql.split()))[:_LONGEST_COMMENT]


_LONGEST_COMMENT = 200


def _text(text: str) -> str:
    """As TOML writes it: the same as in JSON, where there are no control characters but line ends."""
    return json.dumps("\n".join(_CONTROL.sub("", line) for line in text.split("\n")), ensure_ascii=False)
