"""How transactions ended, and what the application made of it."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.findings.facts import Facts, Sent, Work, refused, succeeded
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.findings.rules.flushes import committing
from simulator.history.words import SessionOutcome
from simulator.i18n.text import N_, Text
from simulator.traces.spans import Request

_BEGIN = "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#managing-transactions"
_SAVEPOINT = "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint"
_RETRY = "https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html"
_DEADLOCK, _SERIALIZATION = "40P01", "40001"


def _never_committed(facts: Facts) -> Iterator[Sign]:
    """A Session wrote, was closed without a commit, and the request was told that all is well."""
    for work in facts.works:
        request = facts.requests.get(work.request)
        if request is None or not request.name or not succeeded(request) or not work.writes or work.failed:
            continue
        # close() alone: a rollback() that the application called is its wish.
        if work.outcome is SessionOutcome.CLOSED and work.ending is not None and len(work.requests) == 1:
            yield Sign(
                said=Text.many(
                    "{request} sent {n} statement that writes, closed its Session without a commit, and ended well: "
                    "but for AUTOCOMMIT nothing of it is stored. Where that is meant, rollback() says so.",
                    "{request} sent {n} statements that write, closed its Session without a commit, and ended well: "
                    "but for AUTOCOMMIT nothing of it is stored. Where that is meant, rollback() says so.",
                    len(work.writes),
                    request=request.name,
                ),
                severity=Severity.LOST,
                line=work.writes[0].statement.line,
                requests=(request.name,),
                evidence=tuple(each.statement.seq for each in work.writes),
                costs=((Unit.CHANGES, len(work.writes)),),
            )


def _swallowed(facts: Facts) -> Iterator[Sign]:
    for request in facts.trace.requests:
        if not succeeded(request):
            continue
        works = facts.of(request.name)
        for place, work in enumerate(works):
            failed = work.failed
            if work.ending is None or _is_retried(work, works[place + 1 :]):
                continue
            if failed is None:
                if work.commit_failed:
                    yield _refused_at_commit(request, work)
            elif work.ending.command == "COMMIT" and work.aborted:
                yield _committed_nothing(request, work, failed)
            elif committing(request, failed.statement) is not None:
                yield _commit_failed(request, work, failed)


def _is_retried(work: Work, later: tuple[Work, ...]) -> bool:
    """It was begun again, from its first statement on, and did not fail then."""
    first = work.statements[0].statement.sql
    return any(other.failed is None and other.statements[0].statement.sql == first for other in later)


def _committed_nothing(request: Request, work: Work, failed: Sent) -> Sign:
    return Sign(
        said=Text.of(
            "A statement of {request} failed ({error}), the error was caught, and then COMMIT was sent: but for "
            "AUTOCOMMIT the server answers that with ROLLBACK. {request} ended well.",
            request=request.name,
            error=failed.statement.message or failed.statement.sqlstate,
        ),
        severity=Severity.LOST,
        line=failed.statement.line,
        mistake="swallowed_error",
        requests=(request.name,),
        evidence=(failed.statement.seq, *((work.ending.seq,) if work.ending else ())),
        costs=((Unit.CHANGES, len(work.writes) + 1),),
    )


def _commit_failed(request: Request, work: Work, failed: Sent) -> Sign:
    return Sign(
        said=Text.of(
            "The commit of {request} failed ({error}) and everything in it was rolled back, yet {request} ended well.",
            request=request.name,
            error=failed.statement.message or failed.statement.sqlstate,
        ),
        severity=Severity.LOST,
        line=failed.statement.line,
        mistake="swallowed_commit_error",
        requests=(request.name,),
        evidence=tuple(each.statement.seq for each in work.statements),
        costs=((Unit.CHANGES, len(work.writes) + 1),),
    )


def _refused_at_commit(request: Request, work: Work) -> Sign:
    return Sign(
        said=Text.of(
            "COMMIT itself was refused in {request} and everything was rolled back, yet {request} ended well.",
            request=request.name,
        ),
        severity=Severity.LOST,
        line=work.statements[-1].statement.line,
        mistake="swallowed_commit_error",
        requests=(request.name,),
        evidence=(*(each.statement.seq for each in work.statements), *((work.ending.seq,) if work.ending else ())),
        costs=((Unit.CHANGES, max(1, len(work.writes))),),
    )


def _conflicts(facts: Facts) -> Iterator[Sign]:
    """Deadlocks and serialization failures: tried again as a whole, inside of the dead transaction, or not at all."""
    for request in facts.trace.requests:
        works = facts.of(request.name)
        for place, work in enumerate(works):
            failed = work.failed
            if failed is None and work.commit_failed and request.sqlstate in (_DEADLOCK, _SERIALIZATION):
                failed = work.statements[-1]
            elif failed is None or failed.statement.sqlstate not in (_DEADLOCK, _SERIALIZATION):
                continue
            yield _conflict(request, work, failed, retried=_is_retried(work, works[place + 1 :]))


def _conflict(request: Request, work: Work, failed: Sent, *, retried: bool) -> Sign:
    deadlock = (failed.statement.sqlstate or request.sqlstate) == _DEADLOCK
    name = Text.of("a deadlock") if deadlock else Text.of("a serialization failure")
    inside = request.error_class == "PendingRollbackError" or any(
        each.statement.seq > failed.statement.seq for each in work.statements
    )
    if retried:
        said, severity = (
            Text.of("{request} met {name} and ran its transaction again: that is how it is done."),
            Severity.COST,
        )
    elif inside:
        said = Text.of(
            "{request} met {name} and went on in the same transaction, which the server had given up by then."
        )
        severity = Severity.FAILED
    else:
        said, severity = Text.of("{request} met {name} and did not try again."), Severity.FAILED
    mistake = "" if retried else "retry_inside" if inside else "deadlock_order" if deadlock else "orm_write_skew"
    return Sign(
        said=said.given(request=request.name, name=name),
        severity=severity if request.failed or retried else Severity.LOST,
        line=failed.statement.line,
        mistake=mistake,
        requests=(request.name,),
        evidence=tuple(each.statement.seq for each in work.statements),
        costs=((Unit.STATEMENTS, len(work.statements)),) if retried else ((Unit.FAILURES, 1),),
    )


def _committed_a_refusal(facts: Facts) -> Iterator[Sign]:
    """An answer of 4xx, and what the request had written until then was committed all the same."""
    for request in facts.trace.requests:
        for work in facts.of(request.name):
            raised = refused(request) or _raised_before(request, work)
            if raised and work.committed and work.writes and len(work.requests) == 1:
                behind = any(it.label == "after yield" and it.start_ms <= work.commit_ms[0] for it in request.works)
                yield Sign(
                    said=Text.of(
                        "{request} was answered {status}, and what it had written by then was committed.",
                        request=request.name,
                        status=request.outcome,
                    ),
                    severity=Severity.FLAW,
                    line=work.writes[0].statement.line,
                    mistake="commit_in_finally" if behind else "middleware_session",
                    requests=(request.name,),
                    evidence=tuple(each.statement.seq for each in work.writes),
                    costs=((Unit.CHANGES, len(work.writes)),),
                )


def _raised_before(request: Request, work: Work) -> bool:
    """The endpoint had ended with an error when COMMIT was sent."""
    return request.failed and any(
        each.category == "endpoint" and each.error and each.until(float("inf")) <= work.commit_ms[0]
        for each in request.works
    )


def _closed_block(facts: Facts) -> Iterator[Sign]:
    """The commit succeeded, the block that holds the transaction goes on, and the Session refuses it."""
    for request in facts.trace.requests:
        works = facts.of(request.name)
        if request.error_class != "InvalidRequestError" or not works or not works[-1].committed:
            continue
        session = works[-1].session
        if session is not None and len(facts.parts.get(session, ())) == 1 and not _began_again(facts, works[-1]):
            yield Sign(
                said=Text.of(
                    "{request} committed, and its Session then refused to go on: as it does when commit() is "
                    "called inside of the block of begin(). What was committed is stored.",
                    request=request.name,
                ),
                severity=Severity.FAILED,
                line=works[-1].statements[-1].statement.line,
                requests=(request.name,),
                evidence=tuple(each.statement.seq for each in works[-1].statements),
                costs=((Unit.FAILURES, 1),),
            )


def _began_again(facts: Facts, work: Work) -> bool:
    return any(each.start_ms >= work.commit_ms[1] for each in facts.transactions.get(work.session or "", ()))


RULES = (
    Rule(
        key="no_commit",
        title=N_("Nobody commits"),
        cure=N_("`with SessionLocal.begin() as session:` commits at the block's end, and rolls back after an error."),
        source=_BEGIN,
        find=_never_committed,
        mistake="no_commit",
    ),
    Rule(
        key="swallowed_error",
        title=N_("An error was swallowed, and the transaction with it"),
        cure=N_("Let the error pass, or catch it around begin_nested(): then only the savepoint is rolled back."),
        source=_SAVEPOINT,
        find=_swallowed,
        mistake="swallowed_error",
    ),
    Rule(
        key="conflict",
        title=N_("A transaction was given up by the server"),
        cure=N_("Run the whole transaction again, from its first read on, in a new one; and touch rows in one order."),
        source=_RETRY,
        find=_conflicts,
    ),
    Rule(
        key="middleware_session",
        title=N_("A refused request was committed"),
        cure=N_("Commit where the endpoint succeeds, and roll back for every exception, an HTTPException too."),
        source="https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/",
        find=_committed_a_refusal,
        mistake="middleware_session",
    ),
    Rule(
        key="commit_inside_begin",
        title=N_("commit() inside the block of begin()"),
        cure=N_("Either begin() commits, at the end of its block, or you do: not both."),
        source=_BEGIN,
        find=_closed_block,
        mistake="commit_inside_begin",
    ),
)
