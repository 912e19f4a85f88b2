"""What requests were told, by the class of what was raised; and connections that were dead or waited for locks."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.findings.facts import SENT, Facts, Work, point
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.history.words import SessionOutcome
from simulator.i18n.text import N_, Text
from simulator.traces.critical import duration, lock_waits
from simulator.traces.spans import BackendStay, Request, Statement

_ASYNC = "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession"
_DETACHED = "https://docs.sqlalchemy.org/en/21/errors.html#error-bhk3"
_LOCKS = "https://www.postgresql.org/docs/18/explicit-locking.html"
#: Milliseconds from which a wait for a lock is told.
LOCK_MS = 100.0
#: Milliseconds between a statement that failed and the end of its connection, where the one is the other's reason.
_AT_ONCE_MS = 50.0


def _detached(facts: Facts) -> Iterator[Sign]:
    for request in facts.trace.requests:
        if request.error_class == "DetachedInstanceError":
            behind = point(request, SENT) is not None and request.outcome != "500"
            yield Sign(
                said=Text.of("{request} read an object whose Session was over.", request=request.name),
                severity=Severity.FAILED,
                line=_latest_line(facts, request),
                mistake="object_to_background_task" if behind else "lazy_after_close",
                requests=(request.name,),
                evidence=tuple(each.seq for each in request.statements),
                costs=((Unit.FAILURES, 1),),
            )


def _no_greenlet(facts: Facts) -> Iterator[Sign]:
    for request in facts.trace.requests:
        raised = "MissingGreenlet" in (request.error_class, request.cause_class)
        if raised or (request.error_class == "ResponseValidationError" and _asked_for_nothing(request)):
            works = facts.of(request.name)
            updated = any(each.touch is not None and each.touch.verb == "update" for it in works for each in it.writes)
            yield Sign(
                said=Text.of(
                    "{request} read an attribute that had to be loaded, where nothing can be awaited: a commit or a "
                    "flush had expired it, or it had never been loaded.",
                    request=request.name,
                ),
                severity=Severity.FAILED,
                line=_latest_line(facts, request),
                mistake=_shown_by(raised=raised, updated=updated),
                requests=(request.name,),
                evidence=tuple(each.seq for each in request.statements),
                costs=((Unit.FAILURES, 1),),
            )


def _shown_by(*, raised: bool, updated: bool) -> str:
    if not raised:
        return "return_orm_object"
    return "onupdate_async" if updated else "async_lazy_load"


def _asked_for_nothing(request: Request) -> bool:
    """Behind a commit a connection was taken once more, and nothing was sent on it: the statement could not be."""
    committed = any(each.outcome is SessionOutcome.COMMITTED for life in request.sessions for each in life.transactions)
    last = request.holds[-1] if request.holds else None
    return committed and last is not None and not any(it.start_ms >= last.start_ms for it in request.statements)


def _latest_line(facts: Facts, request: Request) -> str:
    lines = [each.line for each in request.statements if each.line]
    return lines[-1] if lines else ""


def _dead(facts: Facts) -> Iterator[Sign]:
    """A connection that the pool lent turned out to be closed by the other side."""
    for request in facts.trace.groups:
        for hold in request.holds:
            lost = [
                each.statement
                for work in facts.works_of(hold)
                for each in work.statements
                if each.statement.failed and each.statement.sqlstate[:2] not in _ANSWERED
            ]
            if lost and (hold.invalidated or _closed_at(facts, hold.slot, lost[0])):
                yield Sign(
                    said=Text.of(
                        "{request} was lent the connection of slot {slot}, which was dead: {error}",
                        request=request.name or "–",
                        slot=hold.slot,
                        error=lost[0].message,
                    ),
                    severity=Severity.FAILED if request.failed else Severity.COST,
                    line=lost[0].line,
                    requests=(request.name,) if request.name else (),
                    evidence=(hold.seq, lost[0].seq),
                    costs=((Unit.FAILURES, 1),) if request.failed else (),
                )


#: Classes of SQLSTATE in which the server still spoke with the client.
_ANSWERED = frozenset({"0A", "22", "23", "25", "26", "2D", "34", "3B", "40", "42", "53", "54", "55", "58", "P0", "XX"})


def _closed_at(facts: Facts, slot: int, statement: Statement) -> bool:
    end = statement.end_ms
    ends = [each.end_ms for each in facts.trace.connections if each.slot == slot and each.end_ms is not None]
    return end is not None and any(0 <= each - end < _AT_ONCE_MS for each in ends)


def _lock_waits(facts: Facts) -> Iterator[Sign]:
    """Seen by looks at the server: how long a statement waited for a lock, and for whom."""
    end = facts.trace.duration_ms
    for request in facts.trace.groups:
        waited: dict[int, tuple[float, Statement, BackendStay]] = {}
        for stay, statement, start, stop in lock_waits(request, facts.trace.backends, end):
            before = waited.get(statement.seq, (0.0, statement, stay))
            waited[statement.seq] = (before[0] + stop - start, statement, stay)
        for length, statement, stay in waited.values():
            gave_up = statement.sqlstate in ("55P03", "57014")
            if length >= LOCK_MS or gave_up:
                yield _waited(facts, request, (length, statement, stay), gave_up=gave_up)


def _waited(facts: Facts, request: Request, wait: tuple[float, Statement, BackendStay], *, gave_up: bool) -> Sign:
    length, statement, stay = wait
    holders = [work for work in facts.works if work.hold.backend in stay.blocked_by and _open_at(work, stay.start_ms)]
    who = Text.joined(N_(", "), [work.request or "–" for work in holders]) if holders else Text.of("somebody else")
    sentence = (
        Text.of("{request} waited {waited} for a lock of {who} and gave up.")
        if gave_up
        else Text.of("{request} waited {waited} for a lock of {who}.")
    )
    return Sign(
        said=sentence.given(request=request.name or "–", waited=duration(length), who=who),
        severity=Severity.FAILED if gave_up and request.failed else Severity.COST,
        line=statement.line,
        requests=tuple(dict.fromkeys(filter(None, (request.name, *(work.request for work in holders))))),
        evidence=(statement.seq, stay.seq, *(work.hold.seq for work in holders)),
        costs=((Unit.WAITED, length),),
    )


def _open_at(work: Work, at_ms: float) -> bool:
    return work.start_ms <= at_ms <= work.commit_ms[1]


RULES = (
    Rule(
        key="lazy_after_close",
        title=N_("An object was read when its Session was over"),
        cure=N_("Load what is needed while the Session is open (selectinload), and hand on values, not objects."),
        source=_DETACHED,
        find=_detached,
        mistake="lazy_after_close",
    ),
    Rule(
        key="async_lazy_load",
        title=N_("Reading an attribute wants an await"),
        cure=N_(
            "expire_on_commit=False, selectinload() for relationships, refresh() for columns that the server fills."
        ),
        source=_ASYNC,
        find=_no_greenlet,
        mistake="async_lazy_load",
    ),
    Rule(
        key="dead_connections",
        title=N_("A connection of the pool was dead"),
        cure=N_("pool_pre_ping=True: the pool asks before it lends; pool_recycle below the other side's limit."),
        source="https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects",
        find=_dead,
        mistake="dead_connections",
    ),
    Rule(
        key="long_lock",
        title=N_("A statement waited for a lock"),
        cure=N_("Lock late and commit soon; nothing slow between the two. A lock_timeout for whoever must not wait."),
        source=_LOCKS,
        find=_lock_waits,
        scenario="row_lock_wait",
    ),
)
