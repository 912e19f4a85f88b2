"""What goes back to the pool late, never, or with something left on it."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.findings.facts import SENT, STARTED, Facts, Work, over_http, point
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.findings.touch import UNKNOWN, Touch, value
from simulator.history.words import SessionLeaving
from simulator.i18n.text import N_, Text
from simulator.traces.critical import duration
from simulator.traces.spans import Hold, Point, Request, SessionLife, Statement

_POOL = "https://docs.sqlalchemy.org/en/21/core/pooling.html"
_SESSION = "https://docs.sqlalchemy.org/en/21/orm/session_basics.html#closing"
#: SQLSTATEs of those who waited for a lock in vain.
_GAVE_UP = frozenset({"55P03", "57014"})


def _never_back(facts: Facts) -> Iterator[Sign]:
    for request in facts.trace.requests:
        for hold in request.holds:
            if request.end_ms is None:
                continue
            if hold.end_ms is None and not _goes_on(facts, hold, request.end_ms):
                yield _kept(facts, request, hold)
            elif hold.end_ms is None:
                continue
            elif hold.end_ms > request.end_ms and _life(request, hold, SessionLeaving.COLLECTED):
                yield _collected(facts, request, hold, hold.end_ms - request.end_ms)


def _kept(facts: Facts, request: Request, hold: Hold) -> Sign:
    end = request.end_ms or 0.0
    said = Text.of(
        "{request} took the connection of slot {slot} and ended without giving it back: it was out for {held}, until "
        "the end of what was recorded.",
        request=request.name,
        slot=hold.slot,
        held=duration(facts.trace.duration_ms - hold.start_ms),
    )
    return Sign(
        said=said,
        severity=Severity.LOST,
        line=facts.line(hold),
        mistake=_shown_by(facts, request, hold),
        requests=(request.name,),
        evidence=(hold.seq,),
        costs=((Unit.CONNECTIONS, 1), (Unit.HELD, facts.trace.duration_ms - max(end, hold.start_ms))),
    )


def _goes_on(facts: Facts, hold: Hold, end_ms: float) -> bool:
    """Something is still done with it: a task that outlives its request, or a Session that others use."""
    return any(each.statement.start_ms > end_ms for work in facts.works_of(hold) for each in work.statements)


def _collected(facts: Facts, request: Request, hold: Hold, late_ms: float) -> Sign:
    said = Text.of(
        "{request} ended and left its Session open: the connection of slot {slot} came back {late} later, when the "
        "garbage collector came by.",
        request=request.name,
        slot=hold.slot,
        late=duration(late_ms),
    )
    line, costs = facts.line(hold), ((Unit.HELD, late_ms),)
    return Sign(
        said=said, severity=Severity.FLAW, line=line, requests=(request.name,), evidence=(hold.seq,), costs=costs
    )


def _life(request: Request, hold: Hold, how: SessionLeaving) -> bool:
    return any(life.name == hold.session and life.closed_how == how for life in request.sessions)


def _shown_by(facts: Facts, request: Request, hold: Hold) -> str:
    """The mistake that looks like this one."""
    works = facts.works_of(hold)
    life = next((life for life in request.sessions if life.name == hold.session), None)
    sent = point(request, SENT)
    if any(group.name == "" and life.created_ms is not None for group, life in facts.parts.get(hold.session or "", ())):
        return "global_alter" if _blocks(facts, hold) else "global_session"
    if sent is not None and any(work.start_ms > sent.at_ms for work in works):
        return "background_session"
    if life is not None and life.closed_ms is not None and life.closed_ms < hold.start_ms:
        return "stream_session"
    if over_http(request):
        return "no_finally"
    return "exception_kept" if any(work.writes for work in works) else "connection_leak"


def _blocks(facts: Facts, hold: Hold) -> bool:
    """Somebody was seen to wait for this connection's backend, and gave up."""
    blocked = {stay.backend for stay in facts.trace.backends if hold.backend in stay.blocked_by}
    return any(
        each.statement.sqlstate in _GAVE_UP and each.statement.backend in blocked
        for work in facts.works
        for each in work.statements
    )


def _late(facts: Facts) -> Iterator[Sign]:
    """A Session of the request is used when its response has been sent."""
    for request in facts.trace.requests:
        started, sent = point(request, STARTED), point(request, SENT)
        if started is None or sent is None:
            continue
        for life in request.sessions:
            if _first(life) >= started.at_ms:
                continue  # made for what comes behind the response: that is how it is done
            for work in facts.of(request.name):
                if work.session == life.name and work.commit_failed and work.commit_ms[0] > sent.at_ms:
                    yield _not_committed(request, work)
            for work in facts.of(request.name):
                own = [each.statement for each in work.statements if each.statement.request == request.name]
                if work.session == life.name and own[-1].start_ms > sent.at_ms:
                    yield _after_response(request, work, own, by_commit=_commits_behind(life, sent))


def _not_committed(request: Request, work: Work) -> Sign:
    return Sign(
        said=Text.of(
            "{request} was answered {status}, then its COMMIT was refused: nothing of what it wrote is stored.",
            request=request.name,
            status=request.outcome or "–",
        ),
        severity=Severity.LOST,
        line=work.statements[-1].statement.line,
        mistake="commit_after_yield",
        requests=(request.name,),
        evidence=(*(each.statement.seq for each in work.statements), *((work.ending.seq,) if work.ending else ())),
        costs=((Unit.CHANGES, max(1, len(work.writes))),),
    )


def _commits_behind(life: SessionLife, sent: Point) -> bool:
    return any(commit.start_ms >= sent.at_ms for commit in life.commits)


def _after_response(request: Request, work: Work, own: list[Statement], *, by_commit: bool) -> Sign:
    failed = work.failed
    said = (
        Text.of("{request} was answered {status}, then its Session was used, and a statement failed: {error}")
        if failed is not None
        else Text.of("{request} was answered {status}, then its Session was used for more.")
    )
    return Sign(
        said=said.given(
            request=request.name, status=request.outcome or "–", error=failed.statement.message if failed else ""
        ),
        severity=Severity.LOST if failed is not None else Severity.FLAW,
        line=own[-1].line,
        mistake="commit_after_yield" if by_commit else "background_session",
        requests=(request.name,),
        evidence=tuple(each.seq for each in own),
        costs=((Unit.CHANGES, 1),) if failed is not None else (),
    )


def _first(life: SessionLife) -> float:
    return life.first_ms if life.created_ms is None else min(life.created_ms, life.first_ms)


def _locks_left(facts: Facts) -> Iterator[Sign]:
    """A session's advisory lock was taken, and its connection went back without an unlock."""
    for slot in facts.trace.slots:
        for hold in slot.holds:
            sent = [each for work in facts.works_of(hold) for each in work.statements if each.touch is not None]
            took = [each for each in sent if _called(each.touch, "pg_advisory_lock", "pg_try_advisory_lock")]
            gave = [each for each in sent if _called(each.touch, "pg_advisory_unlock", "pg_advisory_unlock_all")]
            if took and hold.end_ms is not None and len(gave) < len(took):
                statement = took[0].statement
                yield Sign(
                    said=Text.of(
                        "{request} asked for a session's advisory lock, and the connection of slot {slot} went back "
                        "to the pool without an unlock: where it was granted, whoever is lent that next has it.",
                        request=hold.request or "",
                        slot=hold.slot,
                    ),
                    severity=Severity.LOST,
                    line=statement.line,
                    requests=(hold.request,) if hold.request else (),
                    evidence=(statement.seq, hold.seq),
                )


def _called(touch: Touch | None, *names: str) -> bool:
    return touch is not None and any(name in names for name, _arguments in touch.calls)


def _settings_left(facts: Facts) -> Iterator[Sign]:
    """A setting of the session, not of the transaction, on a connection that somebody else was lent later."""
    for slot in facts.trace.slots:
        for hold, following in zip(slot.holds, slot.holds[1:], strict=False):
            if following.request == hold.request or hold.request is None or _set_anew(facts, following):
                continue
            for work in facts.works_of(hold):
                for each in work.statements:
                    if work.committed and _sets_for_good(each.touch, dict(each.statement.parameters)):
                        yield Sign(
                            said=Text.of(
                                "{request} set something for the whole connection of slot {slot} and committed; "
                                "{other} was lent it afterwards, as it was.",
                                request=hold.request,
                                slot=hold.slot,
                                other=following.request or "–",
                            ),
                            severity=Severity.LOST,
                            line=each.statement.line,
                            requests=tuple(filter(None, (hold.request, following.request))),
                            evidence=(each.statement.seq, following.seq),
                        )


def _set_anew(facts: Facts, hold: Hold) -> bool:
    """Whoever was lent it begins with a setting of its own."""
    works = facts.works_of(hold)
    first = works[0].statements[0] if works else None
    return first is not None and (_called(first.touch, "set_config") or first.statement.sql.upper().startswith(_RESETS))


_RESETS = ("SET ", "RESET ", "DISCARD ")


def _sets_for_good(touch: Touch | None, values: dict[str, object]) -> bool:
    for name, arguments in touch.calls if touch is not None else ():
        if name == "set_config" and len(arguments) == 3 and arguments[2] is not None:
            local = value(arguments[2], values)  # type: ignore[arg-type]
            return local is not UNKNOWN and not local
    return False


RULES = (
    Rule(
        key="connection_leak",
        title=N_("A connection was not given back"),
        cure=N_("Open each Session in a `with` block: it gives the connection back whatever happens."),
        source=_SESSION,
        find=_never_back,
        mistake="connection_leak",
    ),
    Rule(
        key="background_session",
        title=N_("The Session was used after the response had been sent"),
        cure=N_(
            "Commit before the response is sent, in the endpoint or around it; what runs behind it opens a Session of "
            "its own."
        ),
        source="https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/",
        find=_late,
        mistake="background_session",
    ),
    Rule(
        key="advisory_lock_pool",
        title=N_("A session's advisory lock goes back to the pool"),
        cure=N_("pg_advisory_xact_lock: it ends with the transaction. Or unlock on the same connection, in a finally."),
        source="https://www.postgresql.org/docs/18/explicit-locking.html#ADVISORY-LOCKS",
        find=_locks_left,
        mistake="advisory_lock_pool",
    ),
    Rule(
        key="reset_on_return",
        title=N_("The next request is the last one's tenant"),
        cure=N_("SET LOCAL, or set_config(…, true): a setting of the transaction ends with it."),
        source=_POOL + "#reset-on-return",
        find=_settings_left,
        mistake="reset_on_return",
    ),
)
