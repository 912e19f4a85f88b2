"""One Session, one connection or one engine for more than it can serve."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from simulator.findings.facts import Facts, over_http, overlap
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.history.words import EndingCommand, ObjectState, SessionOutcome
from simulator.i18n.text import N_, Text
from simulator.traces.spans import PoolWait, Request, SessionLife, Statement

_THREADS = (
    "https://docs.sqlalchemy.org/en/21/orm/session_basics.html"
    "#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks"
)
#: More failed requests than these are many.
_MANY = 3
#: What a Session raises when it is called while it is busy, or when it is in a state that somebody else brought it to.
_BUSY = frozenset({"IllegalStateChangeError", "InvalidRequestError"})


class User(NamedTuple):
    """A request that used a Session; `life` is None where it only moved objects."""

    request: Request
    first_ms: float
    life: SessionLife | None


def _users(facts: Facts, session: str) -> list[User]:
    """In the order in which they came."""
    found = {
        request.name: User(request, life.first_ms, life)
        for request, life in facts.parts.get(session, ())
        if request.name
    }
    for move in facts.moves(session):
        name = move.event.request
        if name and name not in found and name in facts.requests and move.event.after != ObjectState.NONE:
            found[name] = User(facts.requests[name], move.at_ms, None)
    return sorted(found.values(), key=lambda user: user.first_ms)


def _shared(facts: Facts) -> Iterator[Sign]:
    for session in facts.parts:
        users = _users(facts, session)
        if len(users) < 2:
            continue
        pairs = [pair for pair in combinations(users[: _MANY + 1], 2) if overlap(pair[0].request, pair[1].request)]
        sign = _at_once(facts, session, users, pairs[0]) if pairs else _handed_on(facts, session, users)
        if sign is not None:
            yield sign


def _at_once(facts: Facts, session: str, users: Sequence[User], pair: tuple[User, User]) -> Sign:
    """Two requests that lasted at the same time used it."""
    first, second = pair
    busy = [user for user in users if user.request.error_class in _BUSY]
    mistake, said = _what_it_did(session, first, second) or _what_it_did(session, second, first) or _nothing(second)
    if busy:
        said = Text.many(
            "{n} of its {all} requests was told that the Session was busy or in a state it did not expect.",
            "{n} of its {all} requests were told that the Session was busy or in a state it did not expect.",
            len(busy),
            all=len(users),
        )
        mistake = "shared_many" if len(busy) > _MANY else "shared_session"
    return Sign(
        said=Text.of(
            "{first} and {second} used Session {session} at the same time: {what}",
            first=first.request.name,
            second=second.request.name,
            session=session,
            what=said,
        ),
        severity=Severity.FAILED if busy else Severity.FLAW if mistake == "shared_unflushed" else Severity.LOST,
        line=_line(facts, session, second),
        mistake=mistake,
        requests=tuple(user.request.name for user in users),
        evidence=_evidence(facts, session),
        costs=((Unit.FAILURES, len(busy)),) if busy else (),
    )


def _what_it_did(session: str, first: User, second: User) -> tuple[str, Text] | None:
    """How `second` ended what `first` was still at."""
    life = second.life
    if life is None:
        return None
    committed = [each.end_ms for each in life.commits if each.outcome is SessionOutcome.COMMITTED]
    rolled_back = [
        ending.start_ms
        for ending in second.request.endings
        if ending.session == session and ending.command == EndingCommand.ROLLBACK
    ]
    if _during(first, [life.closed_ms]):
        mistake, said = "shared_commit_lost", Text.of("{second} closed it, with whatever {first} had in it.")
    elif _during(first, committed):
        mistake, said = "shared_half_transfer", Text.of("{second} committed whatever {first} had done by then.")
    elif _during(first, rolled_back):
        mistake, said = "shared_rollback", Text.of("{second} rolled back whatever {first} had done by then.")
    else:
        return None
    return mistake, said.given(first=first.request.name, second=second.request.name)


def _during(user: User, times: Sequence[float | None]) -> bool:
    """One of these lies between the first that the user did with the Session and the end of its request."""
    end = user.request.end_ms
    return any(at is not None and user.first_ms <= at <= (float("inf") if end is None else end) for at in times)


def _nothing(second: User) -> tuple[str, Text]:
    said = Text.of("this time {second} neither committed it, nor rolled it back, nor closed it.")
    return "shared_unflushed", said.given(second=second.request.name)


def _handed_on(facts: Facts, session: str, users: Sequence[User]) -> Sign | None:
    """One request left a transaction in it, and a later one came upon that."""
    first, second = users[0], users[1]
    pending = [user for user in users[1:] if user.request.error_class == "PendingRollbackError"]
    if pending:
        said = Text.of(
            "A statement of {first} failed in Session {session}, nobody rolled it back, and it refused {second}.",
            first=first.request.name,
            second=pending[0].request.name,
            session=session,
        )
        costs, mistake, severity = ((Unit.FAILURES, len(pending)),), "global_failed", Severity.FAILED
        return _handed(facts, session, users, said, (severity, mistake, costs))
    open_ = first.life is not None and any(each.end_ms is None for each in first.life.transactions if not each.nested)
    if not open_ or first.life is None or second.life is None or first.life.closed_ms is not None:
        return None
    committed = any(commit.outcome is SessionOutcome.COMMITTED for commit in second.life.commits)
    sentence = (
        Text.of("{first} ended and left its transaction in Session {session}; {second} committed it with its own.")
        if committed
        else Text.of("{first} ended and left its transaction in Session {session}; {second} went on in it.")
    )
    said = sentence.given(first=first.request.name, second=second.request.name, session=session)
    mistake = "scoped_remove_elsewhere" if over_http(first.request) else "scoped_session"
    severity = Severity.LOST if committed else Severity.FLAW
    return _handed(facts, session, users, said, (severity, mistake, ((Unit.CHANGES, 1),) if committed else ()))


def _handed(
    facts: Facts,
    session: str,
    users: Sequence[User],
    said: Text,
    verdict: tuple[Severity, str, tuple[tuple[Unit, float], ...]],
) -> Sign:
    severity, mistake, costs = verdict
    return Sign(
        said=said,
        severity=severity,
        line=_line(facts, session, users[1]),
        mistake=mistake,
        requests=tuple(user.request.name for user in users),
        evidence=_evidence(facts, session),
        costs=costs,
    )


def _line(facts: Facts, session: str, user: User) -> str:
    """Of the later one's statement, or else of any in this Session."""
    sent = [each.statement for work in facts.works for each in work.statements if each.statement.session == session]
    own = [statement for statement in sent if statement.request == user.request.name]
    return (own or sent)[0].line if sent else ""


def _evidence(facts: Facts, session: str) -> tuple[int, ...]:
    statements = (each.statement for work in facts.works for each in work.statements)
    return tuple(statement.seq for statement in statements if statement.session == session)


def _shared_connection(facts: Facts) -> Iterator[Sign]:
    for work in facts.works:
        names = tuple(filter(None, work.requests))
        if len(names) > 1 and work.session is None:
            writes = [each for each in work.writes if not work.committed]
            yield Sign(
                said=Text.of(
                    "{first} and {second} sent their statements in one transaction, on the connection of slot {slot}: "
                    "who ends it ends it for both.",
                    first=names[0],
                    second=names[1],
                    slot=work.hold.slot,
                ),
                severity=Severity.LOST if writes else Severity.FLAW,
                line=work.statements[0].statement.line,
                requests=names,
                evidence=tuple(each.statement.seq for each in work.statements),
                costs=((Unit.CHANGES, len(writes)),) if writes else (),
            )


def _by_two_tasks(facts: Facts) -> Iterator[Sign]:
    """Something happens to a Session while a statement of its own is on its way: then two run in it at once."""
    for request in facts.trace.requests:
        for life in request.sessions:
            users = _users(facts, life.name)
            if len(users) > 1:
                continue  # of two requests: told by the other rule
            moments = _moments(facts, life)
            for span in _on_the_way(request, life.name):
                inside = bisect_left(moments, span.start_ms + 1e-9)
                if span.end_ms is not None and inside < len(moments) and moments[inside] < span.end_ms:
                    yield _two_tasks(facts, request, life, span)
                    break


def _moments(facts: Facts, life: SessionLife) -> list[float]:
    """When something was done with it by a call of the application's."""
    spans = (*life.transactions, *life.flushes, *life.commits)
    moves = (move.at_ms for move in facts.moves(life.name) if move.event.after != ObjectState.NONE)
    return sorted((*(span.start_ms for span in spans), *moves))


def _on_the_way(request: Request, session: str) -> Iterator[Statement | PoolWait]:
    yield from (each for each in request.statements if each.session == session)
    yield from (each for each in request.waits if each.session == session)


def _two_tasks(facts: Facts, request: Request, life: SessionLife, span: Statement | PoolWait) -> Sign:
    works = [work for work in facts.of(request.name) if work.session == life.name]
    lost = [each for work in works if not work.committed for each in work.writes]
    first = next((each.statement for work in works for each in work.statements if each.writes), None)
    return Sign(
        said=Text.of(
            "{request} used Session {session} while a call of it was on its way: two tasks or threads have the same.",
            request=request.name,
            session=life.name,
        ),
        severity=Severity.LOST if lost else Severity.FLAW,
        line=first.line if first is not None else "",
        mistake="async_gather_warm" if lost else "async_gather",
        requests=(request.name,),
        evidence=(span.seq, *(each.statement.seq for work in works for each in work.statements)),
        costs=((Unit.CHANGES, len(lost)),) if lost else (),
    )


RULES = (
    Rule(
        key="shared_session",
        title=N_("One Session for two requests"),
        cure=N_("A Session a request, opened and closed by it; what two share is the sessionmaker, never the Session."),
        source=_THREADS,
        find=_shared,
        mistake="shared_session",
    ),
    Rule(
        key="shared_connection",
        title=N_("One Connection for two threads"),
        cure=N_("`with engine.connect()` for each piece of work: the pool is there to be asked."),
        source="https://docs.sqlalchemy.org/en/21/core/connections.html#sqlalchemy.engine.Connection",
        find=_shared_connection,
        mistake="shared_connection",
    ),
    Rule(
        key="async_gather",
        title=N_("Two tasks share a Session"),
        cure=N_("A Session a task: each opens its own from the sessionmaker."),
        source=_THREADS,
        find=_by_two_tasks,
        mistake="async_gather",
    ),
)
