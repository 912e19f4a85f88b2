"""What two transactions did to each other, as far as their statements show it.

Only what was interleaved in this history is told, and only of rows that both name by their keys. Which value was
written from which is not recorded: so a lost update is called possible, and what was overwritten is said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from simulator.findings.facts import Facts, Sent, Work
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.findings.touch import UNKNOWN, VERSIONS, Rows, briefly, value
from simulator.i18n.text import N_, Text
from simulator.model import Scalar

_ISOLATION = "https://www.postgresql.org/docs/18/transaction-iso.html"
_LOCKING = "https://docs.sqlalchemy.org/en/21/orm/queryguide/query.html#sqlalchemy.orm.Query.with_for_update"
#: How drivers say that one row was written; who has no command tag tells a number of rows.
_ONE = ("UPDATE 1", "1 rows")


def _overwritten(facts: Facts) -> Iterator[Sign]:
    """Read, then overwritten by another's commit, then written by a plain value: the other's value is gone."""
    writes = _updates(facts)
    for work in facts.works:
        if not work.committed:
            continue
        for update in work.writes:
            written = _plain(update)
            read = _read_before(work, update)
            if read is None or not written:
                continue
            others = writes.get(update.rows, [])
            for other, theirs in others[bisect_left(others, read.statement.start_ms, key=_committed_ms) :]:
                if _committed_ms((other, theirs)) > update.statement.until(float("-inf")):
                    break
                if other is not work and _between(read, other, update) and _differ(written, _plain(theirs)):
                    yield _lost(work, (read, update), (other, theirs))
                    break


def _committed_ms(pair: tuple[Work, Sent]) -> float:
    return pair[0].commit_ms[0]


def _updates(facts: Facts) -> dict[Rows | None, list[tuple[Work, Sent]]]:
    """Committed UPDATEs of one row, by its key, without the version; in the order of their commits."""
    found: dict[Rows | None, list[tuple[Work, Sent]]] = defaultdict(list)
    for work in facts.works:
        if work.committed:
            for each in work.writes:
                rows = each.rows
                if each.touch is not None and each.touch.verb == "update" and each.statement.tag in _ONE and rows:
                    found[_without_version(rows)].append((work, each))
    return {rows: sorted(pairs, key=_committed_ms) for rows, pairs in found.items()}


def _without_version(rows: Rows) -> Rows:
    table, columns = rows
    return table, tuple(pair for pair in columns if pair[0] not in VERSIONS)


def _plain(sent: Sent) -> dict[str, Scalar]:
    """Columns that are set to a value which came from the application."""
    if sent.touch is None:
        return {}
    given = {column: value(it, sent.values) for column, it in sent.touch.sets if it is not None}
    return {column: each for column, each in given.items() if each is not UNKNOWN and column not in VERSIONS}


def _differ(one: dict[str, Scalar], other: dict[str, Scalar]) -> bool:
    return any(one[column] != other[column] for column in one.keys() & other.keys())


def _read_before(work: Work, update: Sent) -> Sent | None:
    """The SELECT of the same row that the application had its values from: without a lock, and without a later one.

    A SELECT again that really read anew counts; one that only locked, and left the object as it was, is told by
    another rule.
    """
    rows = update.rows
    if rows is None or update.statement.tag not in _ONE:
        return None
    reads = [
        each
        for each in work.statements
        if each.reads and each.rows == rows and each.statement.start_ms < update.statement.start_ms
    ]
    if not reads or any(each.touch is not None and each.touch.locks for each in reads):
        return None
    return reads[-1]


def _between(read: Sent, other: Work, update: Sent) -> bool:
    """The other committed after this one had read, and before this one had written."""
    began, ended = other.commit_ms
    return read.statement.until(float("inf")) <= began and ended <= update.statement.until(float("-inf"))


def _lost(work: Work, own: tuple[Sent, Sent], other: tuple[Work, Sent]) -> Sign:
    read, update = own
    versioned = read.touch is not None and bool(read.touch.columns & VERSIONS)
    return Sign(
        said=Text.of(
            "Lost update possible: {first} read a row, {second} changed it and committed, and {first} then wrote over "
            "that without having seen it: {what}",
            first=work.request or "–",
            second=other[0].request or "–",
            what=briefly(update.statement.sql),
        ),
        severity=Severity.LOST,
        line=update.statement.line,
        mistake="orm_version_bypassed" if versioned else "orm_lost_update",
        requests=tuple(dict.fromkeys((*work.requests, *other[0].requests))),
        evidence=(read.statement.seq, other[1].statement.seq, update.statement.seq),
        costs=((Unit.CHANGES, 1),),
    )


def _locked_too_late(facts: Facts) -> Iterator[Sign]:
    """Read, changed by another, locked, and the object kept the values from before the lock.

    A row that is read anew moves its object (`refresh`); only where objects were recorded can that be missed.
    """
    if not facts.trace.moves:
        return
    for work in facts.works:
        locks = [each for each in work.statements if each.reads and each.touch is not None and each.touch.locks]
        for lock in locks:
            first = next((each for each in work.statements if each.reads and each.rows == lock.rows), None)
            if lock.rows is None or first is None or first is lock or _refreshed(facts, work, lock):
                continue
            changed = next((it for it in _committed_between(facts, work, first, lock)), None)
            if changed is not None:
                yield Sign(
                    said=Text.of(
                        "{first} read a row, {second} changed it, and {first} then locked it: the object still has "
                        "what was read before the lock.",
                        first=work.request or "–",
                        second=changed.request or "–",
                    ),
                    severity=Severity.LOST,
                    line=lock.statement.line,
                    requests=tuple(dict.fromkeys((*work.requests, *changed.requests))),
                    evidence=(first.statement.seq, lock.statement.seq),
                    costs=((Unit.CHANGES, 1),),
                )


def _refreshed(facts: Facts, work: Work, lock: Sent) -> bool:
    end = lock.statement.until(lock.statement.start_ms)
    later = [each.statement.start_ms for each in work.statements if each.statement.start_ms > end]
    until = min(later, default=work.commit_ms[0])
    moves = facts.moves(work.session)
    return any(move.event.cause == "refresh" and end <= move.at_ms <= until for move in moves)


def _committed_between(facts: Facts, work: Work, first: Sent, last: Sent) -> Iterator[Work]:
    for other in facts.works:
        if other is work or not other.committed:
            continue
        began, ended = other.commit_ms
        in_time = first.statement.until(float("inf")) <= began and ended <= last.statement.until(float("-inf"))
        if in_time and any(each.rows and _without_version(each.rows) == first.rows for each in other.writes):
            yield other


def _skewed(facts: Facts) -> Iterator[Sign]:
    """Each read a row that the other wrote, both committed, and neither had seen the other's."""
    candidates = [work for work in facts.works if work.committed and work.writes and _reads_of(work)]
    for place, one in enumerate(candidates):
        for other in candidates[place + 1 :]:
            if other.start_ms > one.commit_ms[1]:
                break
            if one.session != other.session and _missed(one, other) and _missed(other, one) and not _same(one, other):
                yield Sign(
                    said=Text.of(
                        "Write skew possible: {first} and {second} each read what the other one then changed, and both "
                        "committed.",
                        first=one.request or "–",
                        second=other.request or "–",
                    ),
                    severity=Severity.FLAW,
                    line=one.writes[0].statement.line,
                    requests=tuple(dict.fromkeys((*one.requests, *other.requests))),
                    evidence=tuple(
                        each.statement.seq for work in (one, other) for each in (*_reads_of(work), *work.writes)
                    ),
                    costs=((Unit.CHANGES, 1),),
                )


def _reads_of(work: Work) -> list[Sent]:
    """SELECTs without a lock of rows that are named by one column."""
    return [
        each
        for each in work.statements
        if each.reads and each.touch is not None and not each.touch.locks and each.rows and len(each.rows[1]) == 1
    ]


def _missed(reader: Work, writer: Work) -> bool:
    """The writer changed a row that the reader had read before that was committed."""
    for read in _reads_of(reader):
        if read.rows is None or read.statement.until(float("inf")) > writer.commit_ms[0]:
            continue
        table, ((column, values),) = read.rows
        for write in writer.writes:
            rows = write.rows
            named = dict(rows[1]).get(column) if rows is not None and rows[0] == table else None
            if named is not None and named <= values:
                return True
    return False


def _same(one: Work, other: Work) -> bool:
    """They wrote the same row: that is a lost update, or they waited for each other."""
    return bool({each.rows for each in one.writes if each.rows} & {each.rows for each in other.writes if each.rows})


def _too_early(facts: Facts) -> Iterator[Sign]:
    """Asked for by its key and not found, while the transaction that had inserted it was still open."""
    inserts: dict[str, list[tuple[Work, Sent]]] = defaultdict(list)
    for work in facts.works:
        for each in work.writes if work.committed else ():
            if each.touch is not None and each.touch.verb == "insert":
                inserts[each.touch.table].append((work, each))
    for work in facts.works:
        for read in work.statements:
            if not _found_nothing(read) or read.touch is None:
                continue
            for other, insert in inserts.get(read.touch.table, ()):
                if _meant(facts, (work, read), (other, insert)):
                    yield _asked_too_early((work, read), (other, insert))
                    break


def _found_nothing(sent: Sent) -> bool:
    if not sent.reads or sent.rows is None or sent.statement.tag not in ("SELECT 0", "0 rows"):
        return False
    columns = sent.rows[1]
    return len(columns) == 1 and len(columns[0][1]) == 1 and columns[0][0].endswith("id")


def _meant(facts: Facts, reader: tuple[Work, Sent], writer: tuple[Work, Sent]) -> bool:
    work, read = reader
    other, insert = writer
    if other is work:
        return False
    after = insert.statement.until(float("inf")) <= read.statement.start_ms
    before = read.statement.until(float("inf")) <= other.commit_ms[1]
    key = str(next(iter(read.rows[1][0][1]))) if read.rows is not None else ""
    # An object's key is known from its flush on; without objects the row cannot be told from another one.
    moves = (move.event for move in facts.moves(other.session))
    known = any(event.key == key and event.cause in ("flush", "commit") for event in moves)
    return after and before and known


def _asked_too_early(reader: tuple[Work, Sent], writer: tuple[Work, Sent]) -> Sign:
    work, read = reader
    other, insert = writer
    return Sign(
        said=Text.of(
            "{second} asked for a row that {first} had inserted and not yet committed, and found nothing.",
            first=other.request or "–",
            second=work.request or "–",
        ),
        severity=Severity.LOST,
        line=insert.statement.line,
        requests=tuple(dict.fromkeys((*other.requests, *work.requests))),
        evidence=(insert.statement.seq, read.statement.seq),
        costs=((Unit.CHANGES, 1),),
    )


RULES: Sequence[Rule] = (
    Rule(
        key="orm_lost_update",
        title=N_("A change was written over unseen"),
        cure=N_(
            "with_for_update() at the read; or a version column; or let the server reckon: balance = balance - 10."
        ),
        source=_ISOLATION,
        find=_overwritten,
        mistake="orm_lost_update",
    ),
    Rule(
        key="get_then_lock",
        title=N_("Locked, and yet out of date"),
        cure=N_(
            "Lock at the first read; or with_for_update() with populate_existing, so that the object is read anew."
        ),
        source=_LOCKING,
        find=_locked_too_late,
        mistake="get_then_lock",
    ),
    Rule(
        key="orm_write_skew",
        title=N_("Each decided on what the other one changed"),
        cure=N_("SERIALIZABLE with a retry; or lock what was read; or a constraint that says the rule."),
        source=_ISOLATION,
        find=_skewed,
        mistake="orm_write_skew",
    ),
    Rule(
        key="task_before_commit",
        title=N_("A task is queued before the commit"),
        cure=N_("Queue it when commit() has returned; or write the task to a table in the same transaction."),
        source="https://docs.sqlalchemy.org/en/21/orm/events.html#sqlalchemy.orm.SessionEvents.after_commit",
        find=_too_early,
        mistake="task_before_commit",
    ),
)
