"""A report in words: the circle, where it closed, what the log does not say, and which demonstration shows the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from simulator.findings.deadlock.report import Context, Doing, Kind, Report, Wait
from simulator.i18n.text import N_, Text

#: What each kind of lock stands for; for gettext.
_OBJECTS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TRANSACTION: N_(
            "the end of a transaction: it locked or wrote a row, or inserted a key, that this process wants"
        ),
        Kind.TUPLE: N_("a place in the queue for one row, in which another process stands first"),
        Kind.RELATION: N_("a table or an index as a whole"),
        Kind.ADVISORY: N_("an advisory lock: a number that the application chose"),
        Kind.VIRTUAL: N_("the end of a transaction, whatever it did: as CREATE INDEX CONCURRENTLY waits for old ones"),
        Kind.OTHER: N_("something inside of the server"),
    }
)
#: What the process that reported was at; for gettext.
_DOINGS: Mapping[Doing, str] = MappingProxyType(
    {
        Doing.UPDATING: N_("It was updating the row that stood at {place} of {name}."),
        Doing.DELETING: N_("It was deleting the row that stood at {place} of {name}."),
        Doing.LOCKING: N_("It was locking the row that stood at {place} of {name}, as FOR UPDATE or FOR SHARE does."),
        Doing.INSERTING: N_(
            "It was writing a key into the unique index {name}, and another transaction has inserted or deleted the "
            "same key and not yet ended: whether it is a duplicate is known only then."
        ),
        Doing.RECHECKING: N_(
            "It had waited for the row at {place} of {name} before and looked at its new version again."
        ),
        Doing.EXCLUSION: N_("It was checking the exclusion constraint of {name}, which {place} might break."),
        Doing.FOREIGN_KEY: N_(
            "It was checking a foreign key: the row of {name} that is referred to is locked FOR KEY SHARE, so that it "
            "stays."
        ),
        Doing.FUNCTION: N_("It was inside of the function {name}: what it ran there is not what was sent."),
    }
)


def circle(report: Report) -> tuple[Text, ...]:
    """A sentence for each wait."""
    return tuple(_wait(report, wait) for wait in report.waits)


def _wait(report: Report, wait: Wait) -> Text:
    sql = report.statements.get(wait.process, "")
    who = Text.of("Process {process} ({sql})", process=wait.process, sql=_short(sql)) if sql else None
    by = (
        Text.of("process {process}", process=wait.blocker)
        if wait.blocker is not None
        else Text.of("a process that is not named")
    )
    return Text.of(
        "{who} waits for {mode} on {object}, that is for {meaning}; {by} has it.",
        who=who or Text.of("Process {process}", process=wait.process),
        mode=wait.mode,
        object=wait.object.text,
        meaning=Text.of(_OBJECTS[wait.object.kind]),
        by=by,
    )


def _short(sql: str, most: int = 160) -> str:
    return sql if len(sql) <= most else f"{sql[:most]}…"


def outcome(report: Report) -> Text:
    """How it ended."""
    if report.is_deadlock:
        return Text.of(
            "Process {victim} found the circle, deadlock_timeout after its wait began, and its transaction was ended "
            "with 40P01. That let the others go on; {victim} has to run its transaction again, from the start.",
            victim=report.victim,
        )
    waited = f"{report.waited_ms or 0:.0f} ms"
    if report.acquired:
        return Text.of("It was given the lock after {waited}: a wait, and no deadlock.", waited=waited)
    return Text.of("After {waited} it was still waiting: a wait, and no deadlock so far.", waited=waited)


def contexts(report: Report) -> tuple[Text, ...]:
    """Where the process that reported met the lock."""
    found = [_context(context) for context in report.contexts]
    if _same_statement(report):
        found.append(
            Text.of(
                "Both ran the same statement. Where it takes several rows, it takes them in whatever order its plan "
                "finds them, and two runs of it may find them in different ones."
            )
        )
    return tuple(found)


def _context(context: Context) -> Text:
    place = f"({context.tuple[0]},{context.tuple[1]})" if context.tuple else "–"
    return Text.of(_DOINGS[context.doing], place=place, name=f"“{context.name}”")


def _same_statement(report: Report) -> bool:
    sql = {" ".join(each.lower().split()) for each in report.statements.values()}
    return report.is_deadlock and len(report.statements) > 1 and len(sql) == 1


def missing(report: Report) -> tuple[Text, ...]:
    """What the report does not say, and where it stands."""
    return tuple(_missing(report))


def _missing(report: Report) -> Iterator[Text]:
    silent = [process for process in report.processes if process not in report.statements]
    if silent and not report.is_deadlock:
        yield Text.of(
            "What process {names} does: such a line names who has the lock, and no more. As long as the wait goes on, "
            "pg_stat_activity tells.",
            names=", ".join(map(str, silent)),
        )
    elif silent:
        yield Text.many(
            "What process {names} ran: the client is not told, the server's log is (“Process …: SQL”).",
            "What processes {names} ran: the client is not told, the server's log is (“Process …: SQL”).",
            len(silent),
            names=", ".join(map(str, silent)),
        )
    got = (
        Text.of(
            "By which statement each got the lock that the other one wants: an earlier one of its transaction, or this "
            "one where it takes several rows."
        )
        if report.is_deadlock
        else Text.of("By which statement the lock was taken: an earlier one of the transaction that has it.")
    )
    yield Text.of("{what} With log_statement = 'all' it is in the log, by the process's number (%p).", what=got)
    if any("$" in sql or "%s" in sql or "%(" in sql or ":" in sql for sql in report.statements.values()):
        yield Text.of("The values of the parameters: log_parameter_max_length_on_error has them logged.")
    if report.is_deadlock and report.contexts and any(context.tuple for context in report.contexts):
        yield Text.of(
            "Which rows the others wanted: CONTEXT is that of process {victim} alone; and a place in the table (ctid) "
            "is another one after the next UPDATE of that row.",
            victim=report.victim,
        )
    if any(wait.object.kind is Kind.RELATION for wait in report.waits):
        yield Text.of("The names of the relations: SELECT 16384::regclass, in that database, turns a number into one.")


def fits(report: Report) -> str:
    """Key of the scenario of the catalogue that shows the same."""
    kinds = {wait.object.kind for wait in report.waits}
    if not report.is_deadlock:
        return _wait_fits(report, kinds)
    if Kind.ADVISORY in kinds:
        return "advisory_lock"
    if len(report.waits) > 2:
        return "deadlock_three"
    if report.doing(Doing.FOREIGN_KEY):
        return "foreign_key_lock"
    if report.doing(Doing.INSERTING):
        return "unique_wait"
    return "deadlock"


def _wait_fits(report: Report, kinds: set[Kind]) -> str:
    if Kind.ADVISORY in kinds:
        return "advisory_lock"
    if Kind.RELATION in kinds:
        return "alter_table_queue"
    if report.doing(Doing.INSERTING):
        return "unique_wait"
    if report.doing(Doing.FOREIGN_KEY):
        return "foreign_key_lock"
    return "row_lock_queue" if len(report.queue) > 1 or Kind.TUPLE in kinds else "row_lock_wait"


def cure(report: Report) -> Text:
    """What keeps such circles from closing."""
    if not report.is_deadlock:
        return Text.of("Lock late and commit soon; a lock_timeout for whoever must not wait.")
    if _same_statement(report):
        return Text.of(
            "Lock the rows first, sorted: SELECT … WHERE … ORDER BY id FOR NO KEY UPDATE, then write them. And run the "
            "transaction again after 40P01."
        )
    if report.doing(Doing.FOREIGN_KEY):
        return Text.of(
            "Lock the referred row first, at the strength that is needed later (FOR NO KEY UPDATE lets foreign keys "
            "through), before rows that refer to it are written. And run the transaction again after 40P01."
        )
    if report.doing(Doing.INSERTING):
        return Text.of(
            "Insert keys in one order, sorted, or one transaction a key. And run the transaction again after 40P01."
        )
    return Text.of("Take the rows or tables in one order everywhere. And run the transaction again after 40P01.")
