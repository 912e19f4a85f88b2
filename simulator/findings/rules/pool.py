"""Who waited for the pool, and what had its connections meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from simulator.findings.facts import STARTED, Facts, over_http, overlap, point
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.i18n.text import N_, Text
from simulator.traces.critical import AWAY, duration
from simulator.traces.holds import Use
from simulator.traces.spans import Hold, PoolWait, Request

_POOL = "https://docs.sqlalchemy.org/en/21/core/pooling.html"
_IDLE = "https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT"
#: Milliseconds from which a call with a connection in the hand is told, and from which it is a flaw.
TOLD_MS, LONG_MS = 50.0, 250.0
#: The same of nothing between two statements of a transaction: Python takes its time, too.
IDLE_MS, IDLE_LONG_MS = 250.0, 1000.0
#: Holders that are named.
_NAMED = 3


def _exhausted(facts: Facts) -> Iterator[Sign]:
    for request in facts.trace.groups:
        for wait in request.waits:
            if wait.timed_out:
                yield _in_vain(facts, request, wait)


def _in_vain(facts: Facts, request: Request, wait: PoolWait) -> Sign:
    # Those that were still promised when it asked have been taken by the time it gave up.
    out = facts.holds_at(wait.until(facts.trace.duration_ms))
    told = [_holder(facts, hold) for hold in out[:_NAMED]]
    rest = Text.many("and {n} more", "and {n} more", len(out) - _NAMED)
    names = Text.joined(N_("; "), [*told, *([rest] if len(out) > _NAMED else [])])
    waited = wait.until(facts.trace.duration_ms) - wait.start_ms
    return Sign(
        said=Text.of(
            "{request} waited {waited} for a connection, in vain. They were out: {holders}.",
            request=request.name or "–",
            waited=duration(waited),
            holders=names if told else Text.of("nobody knows where: none was seen to be taken"),
        ),
        severity=Severity.FAILED,
        line=facts.line(out[0]) if out else "",
        mistake=_shown_by(facts, request, wait, out),
        requests=tuple(dict.fromkeys((request.name, *(hold.request or "" for hold in out)))),
        evidence=(wait.seq, *(hold.seq for hold in out)),
        costs=((Unit.FAILURES, 1), (Unit.WAITED, waited)),
    )


def _holder(facts: Facts, hold: Hold) -> Text:
    line, use = facts.line(hold) or "–", _use(facts, hold)
    if use is not None and use.kept:
        return Text.of("{request}, from {line}, never gave its back", request=hold.request or "–", line=line)
    length = duration(hold.until(facts.trace.duration_ms) - hold.start_ms)
    if use is not None and use.away_ms > use.held_ms / 2:
        return Text.of(
            "{request}, from {line}, for {held}, {away} of it in a call of something else",
            request=hold.request or "–",
            line=line,
            held=length,
            away=duration(use.away_ms),
        )
    sql = duration(use.sql_ms if use is not None else 0.0)
    return Text.of(
        "{request}, from {line}, for {held} with {sql} of SQL",
        request=hold.request or "–",
        line=line,
        held=length,
        sql=sql,
    )


def _use(facts: Facts, hold: Hold) -> Use | None:
    found = facts.uses.get(hold.seq)
    return found[1] if found is not None else None


def _shown_by(facts: Facts, request: Request, wait: PoolWait, out: tuple[Hold, ...]) -> str:
    if any(hold.request == request.name and request.name and hold.session != wait.session for hold in out):
        return "two_sessions"
    if _reloads(facts, request, wait):
        return "read_after_commit"
    found = [use for use in (_use(facts, hold) for hold in out) if use is not None]
    if any(use.kept for use in found):
        return "connection_leak"
    if any(use.away_ms > use.held_ms / 2 for use in found):
        streams = any((first := point(use.request, STARTED)) and first.at_ms < wait.start_ms for use in found)
        return "streaming_answer" if streams else "llm_inside"
    return "thread_pool" if any(over_http(use.request) for use in found) else "llm_inside"


def _reloads(facts: Facts, request: Request, wait: PoolWait) -> bool:
    """Outside of a flush, and with an object there that a commit expired: the likely reason is that it is read."""
    flushes = [flush for life in request.sessions if life.name == wait.session for flush in life.flushes]
    flushing = any(flush.start_ms <= wait.start_ms <= flush.until(wait.start_ms) for flush in flushes)
    before = [move for move in facts.moves(wait.session) if move.at_ms <= wait.start_ms]
    latest = {move.event.object: move.event for move in before}
    return not flushing and any(event.expired and event.cause == "commit" for event in latest.values())


def _two(facts: Facts) -> Iterator[Sign]:
    """A request waits for a connection while it has another one."""
    for request in facts.trace.requests:
        for wait in (each for each in request.waits if each.queued or each.timed_out):
            own = [
                hold
                for hold in request.holds
                if hold.start_ms < wait.start_ms < hold.until(float("inf")) and hold.session != wait.session
            ]
            if own:
                waited = wait.until(facts.trace.duration_ms) - wait.start_ms
                yield Sign(
                    said=Text.of(
                        "{request} had the connection of slot {slot} and asked for a second one, which it waited "
                        "{waited} for: requests that do so can wait for each other until the pool's time-out.",
                        request=request.name,
                        slot=own[0].slot,
                        waited=duration(waited),
                    ),
                    severity=Severity.FAILED if wait.timed_out else Severity.FLAW,
                    line=facts.line(own[0]),
                    requests=(request.name,),
                    evidence=(own[0].seq, wait.seq),
                    costs=((Unit.WAITED, waited),),
                )


def _held_during_call(facts: Facts) -> Iterator[Sign]:
    for hold, use in facts.uses.values():
        if use.kept or use.away_ms < TOLD_MS:
            continue
        works = [work for work in use.request.works if work.category in AWAY and overlap(work, hold)]
        longest = max(works, key=lambda work: work.until(facts.trace.duration_ms) - work.start_ms)
        queued = _queued(facts, hold)
        started = point(use.request, STARTED)
        streams = started is not None and any(work.start_ms >= started.at_ms for work in works)
        yield Sign(
            said=Text.of(
                "{request} held a connection for {held}: {away} of it passed in “{label}”, {sql} in SQL.",
                request=use.request.name or "–",
                held=duration(use.held_ms),
                away=duration(use.away_ms),
                label=longest.label,
                sql=duration(use.sql_ms),
            ),
            severity=Severity.FLAW if queued or use.away_ms >= LONG_MS else Severity.COST,
            line=use.line,
            mistake="streaming_answer" if streams else "",
            requests=(use.request.name,),
            evidence=(hold.seq, longest.seq),
            costs=((Unit.HELD, use.away_ms), *(((Unit.WAITED, queued),) if queued else ())),
        )


def _queued(facts: Facts, hold: Hold) -> float:
    """Milliseconds that others waited in the pool's queue meanwhile."""
    end = facts.trace.duration_ms
    waits = [wait for request in facts.trace.groups for wait in request.waits if wait.queued and overlap(wait, hold)]
    return sum(min(wait.until(end), hold.until(end)) - max(wait.start_ms, hold.start_ms) for wait in waits)


def _idle(facts: Facts) -> Iterator[Sign]:
    for hold, use in facts.uses.values():
        if use.kept or use.idle_ms - use.away_ms < IDLE_MS:
            continue
        alone = use.idle_ms - use.away_ms - _own_waits(facts, use, hold)
        if alone >= IDLE_MS:
            yield Sign(
                said=Text.of(
                    "{request} left its transaction open and idle for {idle}, outside of any call that was named; its "
                    "statements took {sql}.",
                    request=use.request.name or "–",
                    idle=duration(alone),
                    sql=duration(use.sql_ms),
                ),
                severity=Severity.FLAW if alone >= IDLE_LONG_MS else Severity.COST,
                line=use.line,
                requests=(use.request.name,) if use.request.name else (),
                evidence=(hold.seq,),
                costs=((Unit.HELD, alone),),
            )


def _own_waits(facts: Facts, use: Use, hold: Hold) -> float:
    """Milliseconds that its request waited for another connection meanwhile: told by another rule."""
    end = facts.trace.duration_ms
    return sum(
        max(0.0, min(wait.until(end), hold.until(end)) - max(wait.start_ms, hold.start_ms))
        for wait in use.request.waits
    )


def _read_after_commit(facts: Facts) -> Iterator[Sign]:
    """Behind a commit, the first that a Session sends is a SELECT of a row that it wrote before it."""
    for request in facts.trace.requests:
        works = facts.of(request.name)
        for before, after in pairwise(works):
            first = after.statements[0]
            tables = {each.touch.table for each in before.writes if each.touch is not None}
            if (
                before.committed
                and after.session == before.session is not None
                and first.reads
                and first.touch is not None
                and first.touch.keys
                and first.touch.table in tables
                and any(move.event.cause == "refresh" for move in facts.moves(after.session))
            ):
                took = first.statement.until(first.statement.start_ms) - first.statement.start_ms
                yield Sign(
                    said=Text.of(
                        "{request} committed and then loaded a row of a table that it had just written: a connection "
                        "was taken once more.",
                        request=request.name,
                    ),
                    severity=Severity.COST,
                    line=first.statement.line,
                    requests=(request.name,),
                    evidence=(first.statement.seq,),
                    costs=((Unit.STATEMENTS, 1), (Unit.SQL, took)),
                )


RULES = (
    Rule(
        key="pool_exhausted",
        title=N_("The pool had no connection left"),
        cure=N_(
            "Look at who held them, not at the pool's size: give them back before a call, close every Session. A "
            "larger pool only moves the limit."
        ),
        source=_POOL + "#sqlalchemy.pool.QueuePool.params.timeout",
        find=_exhausted,
    ),
    Rule(
        key="two_sessions",
        title=N_("Two Sessions in one request"),
        cure=N_("One Session a request, handed on to whoever needs it."),
        source="https://fastapi.tiangolo.com/tutorial/dependencies/sub-dependencies/",
        find=_two,
        mistake="two_sessions",
    ),
    Rule(
        key="llm_inside",
        title=N_("A connection is held while something else is called"),
        cure=N_(
            "End the transaction before the call, with commit() or close(): the connection goes back, and another one "
            "is taken for the answer."
        ),
        source=_IDLE,
        find=_held_during_call,
        mistake="llm_inside",
    ),
    Rule(
        key="idle_in_transaction",
        title=N_("A transaction is left open and idle"),
        cure=N_("Compute before the first statement or after the commit, so that the transaction is short."),
        source=_IDLE,
        find=_idle,
        mistake="llm_inside",
    ),
    Rule(
        key="read_after_commit",
        title=N_("Reading an id takes a connection again"),
        cure=N_("expire_on_commit=False, or read what you need before the commit."),
        source="https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.params.expire_on_commit",
        find=_read_after_commit,
        mistake="read_after_commit",
    ),
)
