"""What a Session writes by itself: too early, half filled, or all in one."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.findings.facts import Facts
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.i18n.text import N_, Text
from simulator.traces.spans import Request, SessionLife, Statement, Transaction

_SAVEPOINT = "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint"
#: Class 23 of SQLSTATE: a constraint refused the row.
_INTEGRITY = "23"
_NOT_NULL = "23502"


def committing(request: Request, statement: Statement) -> SessionLife | None:
    """The Session whose commit() this statement was sent by."""
    for life in request.sessions:
        for commit in life.commits:
            if life.name == statement.session and commit.start_ms <= statement.start_ms <= commit.until(float("inf")):
                return life
    return None


def _empty_savepoints(facts: Facts) -> Iterator[Sign]:
    """A savepoint with nothing in it, right behind a flush: what was to be in it was flushed before it."""
    for request in facts.trace.requests:
        for life in request.sessions:
            empty = [each for each in life.transactions if each.nested and _is_empty(request, life, each)]
            if not empty:
                continue
            failed = next((it for it in request.statements if it.failed and it.session == life.name), None)
            flush = _flush_before(life, empty[0])
            sent = [
                it
                for it in request.statements
                if flush is not None and flush[0] <= it.start_ms <= flush[1] and it.session == life.name
            ]
            yield Sign(
                said=Text.many(
                    "{n} savepoint of {request} has no statement in it: what was added before begin_nested() was "
                    "flushed ahead of it, outside.",
                    "{n} savepoints of {request} have no statement in them: what was added before begin_nested() was "
                    "flushed ahead of them, outside.",
                    len(empty),
                    request=request.name,
                ),
                severity=Severity.FAILED if failed is not None and request.failed else Severity.FLAW,
                line=sent[0].line if sent else "",
                requests=(request.name,),
                evidence=(*(it.seq for it in sent), *(each.seq for each in empty), *((failed.seq,) if failed else ())),
                costs=((Unit.FAILURES, 1),) if failed is not None and request.failed else (),
            )


def _is_empty(request: Request, life: SessionLife, savepoint: Transaction) -> bool:
    end = savepoint.end_ms
    if end is None or _flush_before(life, savepoint) is None:
        return False
    return not any(it.session == life.name and savepoint.start_ms <= it.start_ms <= end for it in request.statements)


def _flush_before(life: SessionLife, savepoint: Transaction) -> tuple[float, float] | None:
    """The flush that `begin_nested()` made: nothing of the Session lies between the two."""
    flushes = [it for it in life.flushes if it.new and it.end_ms is not None and it.end_ms <= savepoint.start_ms]
    if not flushes or flushes[-1].end_ms is None:
        return None
    end = flushes[-1].end_ms
    others = (*life.transactions, *life.commits, *life.flushes)
    between = any(end < it.start_ms < savepoint.start_ms for it in others)
    return None if between else (flushes[-1].start_ms, end)


def _batches(facts: Facts) -> Iterator[Sign]:
    """One row that a constraint refuses takes all others of the same flush along."""
    for request in facts.trace.requests:
        for work in facts.of(request.name):
            failed = work.failed
            if failed is None or not failed.statement.sqlstate.startswith(_INTEGRITY) or not request.failed:
                continue
            rows = max(failed.touch.rows if failed.touch is not None else 1, failed.statement.many)
            if rows > 1:
                yield Sign(
                    said=Text.of(
                        "{request} wrote {rows} rows at once, one was refused ({error}), and none of them is stored.",
                        request=request.name,
                        rows=rows,
                        error=failed.statement.message,
                    ),
                    severity=Severity.FAILED,
                    line=failed.statement.line,
                    requests=(request.name,),
                    evidence=(failed.statement.seq,),
                    costs=((Unit.FAILURES, 1), (Unit.CHANGES, rows)),
                )


def _half_filled(facts: Facts) -> Iterator[Sign]:
    """A flush that nobody committed or asked for by a commit found a column that has no value yet."""
    for request in facts.trace.requests:
        for each in request.statements:
            if each.sqlstate != _NOT_NULL or not request.failed or committing(request, each) is not None:
                continue
            flushing = any(
                it.start_ms <= each.start_ms <= it.until(each.start_ms)
                for life in request.sessions
                if life.name == each.session
                for it in life.flushes
            )
            if flushing:
                yield Sign(
                    said=Text.of(
                        "A flush in the middle of {request} wrote an object with a column still empty: {error}",
                        request=request.name,
                        error=each.message,
                    ),
                    severity=Severity.FAILED,
                    line=each.line,
                    requests=(request.name,),
                    evidence=(each.seq,),
                    costs=((Unit.FAILURES, 1),),
                )


RULES = (
    Rule(
        key="add_before_savepoint",
        title=N_("add() stands before begin_nested()"),
        cure=N_("add() inside of the block of begin_nested(): what may fail comes behind the savepoint."),
        source=_SAVEPOINT,
        find=_empty_savepoints,
        mistake="add_before_savepoint",
    ),
    Rule(
        key="batch_bad_row",
        title=N_("One bad row in a batch"),
        cure=N_("A savepoint for each row that may fail, or INSERT … ON CONFLICT; or check before you write."),
        source=_SAVEPOINT,
        find=_batches,
        mistake="batch_bad_row",
    ),
    Rule(
        key="autoflush_half_filled",
        title=N_("A query writes an object that is half filled"),
        cure=N_("Fill the object before you add it; or `with session.no_autoflush:` around the queries in between."),
        source="https://docs.sqlalchemy.org/en/21/orm/session_basics.html#flushing",
        find=_half_filled,
        mistake="autoflush_half_filled",
    ),
)
