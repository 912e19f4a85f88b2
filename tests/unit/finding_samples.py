"""Small histories for the rules: of each one in which it finds something, and one that is right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from simulator.history.application import (
    BackendSeen,
    CommitStarted,
    ConnectionBegan,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionEnding,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    FlushEnded,
    FlushStarted,
    Moment,
    ObjectStateChanged,
    PoolObserved,
    RequestEnded,
    RequestStarted,
    SessionBegan,
    SessionClosed,
    SessionConnected,
    SessionCreated,
    SessionEnded,
    WorkEnded,
    WorkStarted,
)
from simulator.history.event import Event
from simulator.history.schedule import StatementFailed, StatementFinished, StatementStarted
from simulator.history.words import BackendState, EndingCommand, ObjectState, SessionOutcome
from simulator.traces import Trace
from tests.unit.trace_samples import at, trace

Noted = tuple[float, type[Event], dict[str, Any]]
#: What every statement was sent by.
LINE = "app.py:7 handle"
INSERT = "INSERT INTO orders (item) VALUES (%(item)s) RETURNING orders.id"
SELECT = "SELECT orders.id, orders.item FROM orders WHERE orders.id = %(id)s"
LOCK = f"{SELECT} FOR UPDATE"
UPDATE = "UPDATE orders SET item=%(item)s WHERE orders.id = %(id)s"
BOTH = "SELECT sum(orders.item) AS sum_1 FROM orders WHERE orders.id IN (%(one)s, %(two)s)"


class Who(NamedTuple):
    """Whose an event is."""

    request: str = "r"
    session: str | None = "S1"
    slot: int = 1


def request(start: float, end: float, *inside: list[Noted], who: Who = Who(), **ended: Any) -> list[Noted]:  # noqa: B008
    """A request, over HTTP where its outcome is a status."""
    return [
        at(start, RequestStarted, key="k", request=who.request),
        *(event for events in inside for event in events),
        at(end, RequestEnded, request=who.request, **{"outcome": "ok", **ended}),
    ]


def sent(ms: float, sql: str, who: Who = Who(), tag: str = "SELECT 1", **values: Any) -> list[Noted]:  # noqa: B008
    """A statement of 1 ms; `fails` is an SQLSTATE."""
    fails, took = values.pop("fails", None), values.pop("took", 1.0)
    whose = {"request": who.request, "session": who.session, "slot": who.slot}
    end: Noted = (ms + took, StatementFinished, {**whose, "tag": tag})
    if fails is not None:
        end = (ms + took, StatementFailed, {**whose, "sqlstate": fails, "message": "refused"})
    return [
        (ms, StatementStarted, {**whose, "sql": sql, "line": LINE, "parameters": tuple(values.items())}),
        end,
    ]


def taken(ms: float, who: Who = Who(), backend: int = 0) -> list[Noted]:  # noqa: B008
    """A connection of the pool, and a transaction on it."""
    whose = {"request": who.request, "slot": who.slot}
    begun = [
        (ms, SessionBegan, {"request": who.request, "session": who.session}),
        (ms + 0.02, SessionConnected, {**whose, "session": who.session}),
    ]
    return [
        (ms + 0.01, ConnectionCheckedOut, {**whose, "backend": backend or 100 + who.slot}),
        (ms + 0.015, ConnectionBegan, whose),
        *(begun if who.session is not None else []),
    ]


def given_back(ms: float, how: str = "commit", who: Who = Who()) -> list[Noted]:  # noqa: B008
    """The transaction ends by `commit`, `rollback` or `close`, and the connection is in the pool again."""
    whose = {"request": who.request, "session": who.session}
    outcomes = {
        "commit": SessionOutcome.COMMITTED,
        "rollback": SessionOutcome.ROLLED_BACK,
        "close": SessionOutcome.CLOSED,
    }
    command = EndingCommand.COMMIT if how == "commit" else EndingCommand.ROLLBACK
    return [
        *([(ms - 0.1, CommitStarted, whose)] if how == "commit" and who.session is not None else []),
        (ms, ConnectionEnding, {**whose, "slot": who.slot, "command": command}),
        (ms + 0.1, ConnectionCheckedIn, {**whose, "slot": who.slot}),
        *([(ms + 0.2, SessionEnded, {**whose, "outcome": outcomes[how]})] if who.session is not None else []),
        *([(ms + 0.3, SessionClosed, whose)] if how == "close" else []),
    ]


def work(start: float, end: float, *inside: list[Noted], how: str = "commit", who: Who = Who()) -> list[Noted]:  # noqa: B008
    """A whole transaction on a connection."""
    return [*taken(start, who), *(event for events in inside for event in events), *given_back(end, how, who)]


def called(start: float, end: float, who: Who = Who()) -> list[Noted]:  # noqa: B008
    """A model answers."""
    fields = {"request": who.request, "category": "llm", "label": "LLM"}
    return [(start, WorkStarted, fields), (end, WorkEnded, fields)]


def asks(ms: float, answer: float, who: Who = Who(), number: int = 9, *, in_vain: bool = True) -> list[Noted]:  # noqa: B008
    """The pool is asked for a connection; in vain, or for who takes one then."""
    whose = {"request": who.request, "session": who.session, "asked": number}
    refused = {**whose, "error": "TimeoutError", "timed_out": True}
    return [(ms, ConnectionRequested, whose), *([(answer, ConnectionRefused, refused)] if in_vain else [])]


def pool(size: int = 5, ms: float = -1, in_request: str | None = None) -> list[Noted]:
    fields = {"class_name": "QueuePool", "size": size, "max_overflow": 0, "timeout_s": 1.0}
    return [(ms, PoolObserved, {**fields, "request": in_request})]


def closed(ms: float) -> list[Noted]:
    """The connection of slot 1 is closed, as `dispose()` does."""
    return [(ms, ConnectionClosed, {"slot": 1, "request": None})]


def moved(ms: float, cause: str, who: Who = Who(), **fields: Any) -> list[Noted]:  # noqa: B008
    """An object of the Session's."""
    whose = {"request": who.request, "session": who.session, "object": "Order 1", "cause": cause}
    states = {"before": ObjectState.PERSISTENT, "after": ObjectState.PERSISTENT}
    return [(ms, ObjectStateChanged, {**whose, **states, **fields})]


def flush(start: float, end: float | None, who: Who = Who(), new: int = 1) -> list[Noted]:  # noqa: B008
    whose = {"request": who.request, "session": who.session}
    ended = [(end, FlushEnded, whose)] if end is not None else []
    return [(start, FlushStarted, {**whose, "new": new}), *ended]


def savepoint(start: float, end: float) -> list[Noted]:
    whose = {"request": "r", "session": "S1", "nested": True}
    return [(start, SessionBegan, whose), (end, SessionEnded, {**whose, "outcome": SessionOutcome.COMMITTED})]


def moment(ms: float, label: str, who: Who = Who()) -> list[Noted]:  # noqa: B008
    return [(ms, Moment, {"request": who.request, "label": label})]


def made(ms: float, who: Who = Who()) -> list[Noted]:  # noqa: B008
    return [(ms, SessionCreated, {"request": who.request, "session": who.session})]


def seen(ms: float, backend: int, wait: str = "", by: int | None = None) -> list[Noted]:
    """A look at the server."""
    fields = {"backend": backend, "state": BackendState.ACTIVE, "wait": wait, "request": None}
    return [(ms, BackendSeen, {**fields, "blocked_by": (by,) if by else ()})]


def told(*parts: list[Noted]) -> Trace:
    """The trace of all of them, in the order of their times."""
    return trace(*sorted((event for part in parts for event in part), key=lambda event: event[0]))


A, B = Who("a", "S1", 1), Who("b", "S2", 2)
CORE_A, CORE_B = Who("a", None, 1), Who("b", None, 1)
_LOST = {"error_class": "TimeoutError", "error": "TimeoutError", "outcome": "failed"}
_BROKEN = {"error_class": "IntegrityError", "error": "IntegrityError", "outcome": "failed"}


class Sample(NamedTuple):
    """Of one rule: a history in which it finds something, and one in which it finds nothing."""

    faulty: Trace
    clean: Trace


def _raised(name: str) -> dict[str, str]:
    return {"error_class": name, "error": name, "outcome": "failed"}


def _pair_of_updates(first: str, second: str, tag: str = "UPDATE 1") -> Trace:
    """A reads, B reads, writes and commits, A writes: each what it wants."""
    return told(
        request(0, 50, work(1, 40, sent(2, SELECT, A, id=1), sent(30, UPDATE, A, tag, item=first, id=1), who=A), who=A),
        request(
            9, 25, work(10, 20, sent(11, SELECT, B, id=1), sent(12, UPDATE, B, tag, item=second, id=1), who=B), who=B
        ),
    )


def _locked(*, anew: bool) -> Trace:
    """A reads, B changes and commits, A locks; `anew`: and the object is read once more."""
    late = moved(31.5, "refresh", A) if anew else []
    return told(
        request(
            0,
            50,
            work(1, 40, sent(2, SELECT, A, id=1), moved(3.5, "query", A), sent(30, LOCK, A, id=1), late, who=A),
            who=A,
        ),
        request(9, 25, work(10, 20, sent(12, UPDATE, B, "UPDATE 1", item=2, id=1), who=B), who=B),
    )


def _skewed(at_ms: float) -> Trace:
    """Each reads both rows and writes one; B from `at_ms` on."""
    write = {"tag": "UPDATE 1", "item": 0}
    return told(
        request(0, 45, work(1, 40, sent(2, BOTH, A, one=1, two=2), sent(30, UPDATE, A, id=1, **write), who=A), who=A),
        request(
            at_ms,
            at_ms + 20,
            work(
                at_ms + 1,
                at_ms + 15,
                sent(at_ms + 2, BOTH, B, one=1, two=2),
                sent(at_ms + 9, UPDATE, B, id=2, **write),
                who=B,
            ),
            who=B,
        ),
    )


def _queued_at(ms: float) -> Trace:
    """A inserts order 7 and commits at 30; B asks for it at `ms`."""
    found = "SELECT 0" if ms < 30 else "SELECT 1"
    return told(
        request(
            0, 35, work(1, 30, sent(2, INSERT, A, "INSERT 0 1", item=1), moved(4, "flush", A, key="7"), who=A), who=A
        ),
        request(ms - 2, ms + 9, work(ms - 1, ms + 5, sent(ms, SELECT, B, found, id=7), who=B), who=B),
    )


def _waits_for_the_pool(*, by_call: bool) -> Trace:
    """A pool of one: A has it for a call, or for its statements alone; B asks."""
    if not by_call:
        return told(pool(1), request(0, 10, work(1, 5, sent(2, SELECT, A, id=1), who=A), who=A))
    busy = work(1, 90, sent(2, SELECT, A, id=1), called(5, 85, A), who=A)
    return told(pool(1), request(0, 95, busy, who=A), request(10, 60, asks(20, 55, B), who=B, **_LOST))


def _two_connections(*, queued: bool) -> Trace:
    """A request has a connection and asks for a second one: the pool has one, or five."""
    other = Who("a", "S9", 2)
    second = asks(10, 60, other) if queued else [*asks(10, 60, other, in_vain=False), *taken(10.5, other)]
    rest = [] if queued else given_back(20, who=other)
    ended = _LOST if queued else {}
    return told(
        pool(1 if queued else 5),
        request(0, 95, work(1, 90, sent(2, SELECT, A, id=1), second, rest, who=A), who=A, **ended),
    )


def _read_again(*, after_commit: bool) -> Trace:
    """A row is written and read: in a transaction of its own behind the commit, or before it."""
    insert = sent(2, INSERT, A, "INSERT 0 1", item=1)
    read = [*sent(7, SELECT, A, id=7), *moved(8.5, "refresh", A)]
    if not after_commit:
        return told(request(0, 40, work(1, 20, insert, read, who=A), who=A))
    return told(request(0, 40, work(1, 5, insert, who=A), work(6, 20, read, how="close", who=A), who=A))


def _savepoints(*, added_inside: bool) -> Trace:
    insert = sent(5.2, INSERT, who=Who(), tag="INSERT 0 1", item=1)
    inside = [savepoint(4, 8), flush(5, 7), insert] if added_inside else [flush(5, 7), insert, savepoint(7.1, 8)]
    return told(request(0, 40, work(1, 20, *inside)))


def _shared(*, session: str) -> Trace:
    """A is at work in S1, and B commits its own Session, which may be that one."""
    who = Who("b", session, 1 if session == "S1" else 2)
    others = [] if session == "S1" else taken(10, who)
    return told(
        request(
            0,
            50,
            taken(1, A),
            sent(2, UPDATE, A, "UPDATE 1", item=1, id=1),
            *([given_back(40, who=A)] if others else []),
            who=A,
        ),
        request(9, 30, others, sent(11, SELECT, who, id=1), given_back(20, who=who), who=who),
    )


def _in_one_transaction(*, alone: bool) -> Trace:
    """Two threads on one Connection, which was taken before either; `alone`: each ends its own transaction."""
    outside = [
        (0.5, ConnectionCheckedOut, {"slot": 1, "request": None}),
        (0.6, ConnectionBegan, {"slot": 1, "request": None}),
    ]
    end = [(6, ConnectionEnding, {"slot": 1, "request": "a", "command": EndingCommand.COMMIT})] if alone else []
    return told(
        outside,
        request(1, 9, sent(2, INSERT, CORE_A, "INSERT 0 1", item=1), end, who=CORE_A),
        request(
            4,
            30,
            sent(11, SELECT, CORE_B, id=1),
            [(20, ConnectionEnding, {"slot": 1, "request": "b", "command": EndingCommand.ROLLBACK})],
            who=CORE_B,
        ),
        [(40, ConnectionCheckedIn, {"slot": 1, "request": None})],
    )


def _during_a_statement(cause: str, ms: float) -> Trace:
    """An object is added while an INSERT of its Session is on its way, or behind it."""
    new = {"before": ObjectState.TRANSIENT, "after": ObjectState.PENDING}
    return told(
        request(0, 40, work(1, 20, sent(2, INSERT, tag="INSERT 0 1", item=1, took=5.0), moved(ms, cause, **new)))
    )


def _forked(backend: int) -> Trace:
    opened = [
        (slot, ConnectionOpened, {"slot": slot, "backend": found, "request": None})
        for slot, found in ((1, 500), (2, backend))
    ]
    parent, child = Who("parent", "S1", 1), Who("child", "S2", 2)
    return told(
        [(float(ms), kind, fields) for ms, kind, fields in opened],
        request(3, 20, work(4, 15, sent(5, SELECT, parent, id=1), who=parent), who=parent),
        request(6, 30, work(7, 25, sent(8, SELECT, child, id=1), who=child), who=child),
    )


def _engines(*, in_requests: bool) -> Trace:
    names = ("a", "b")
    pools = [pool(ms=10 * n + 0.5, in_request=name) for n, name in enumerate(names)] if in_requests else [pool()]
    opened = [
        [(10 * n + 0.7, ConnectionOpened, {"slot": n + 1, "backend": n + 1, "request": name})]
        for n, name in enumerate(names)
    ]
    works = [
        request(10 * n, 10 * n + 9, work(10 * n + 1, 10 * n + 5, sent(10 * n + 2, SELECT, who, id=1), who=who), who=who)
        for n, who in enumerate((A, B))
    ]
    return told(*pools, *opened, *works)


def _used_behind(*, session: str) -> Trace:
    """The response is on its way at 10 and sent at 12; a statement follows, in the request's Session or a later one."""
    who = Who("r", session, 1)
    first = made(1) if session == "S1" else made(13, who)
    return told(
        request(
            0,
            30,
            made(1),
            first,
            moment(10, "response started"),
            moment(12, "response sent"),
            work(15, 20, sent(16, INSERT, who, "INSERT 0 1", item=1), who=who),
            outcome="200",
        )
    )


def _tenant(*, local: bool) -> Trace:
    setting = "SELECT set_config(%(name)s, %(value)s, %(local)s) AS set_config_1"
    first, second = Who("a", "S1", 1), Who("b", "S2", 1)
    values = {"name": "app.tenant", "value": "acme", "local": local}
    return told(
        request(0, 9, work(1, 5, sent(2, setting, first, **values), who=first), who=first),
        request(10, 19, work(11, 15, sent(12, SELECT, second, id=1), who=second), who=second),
    )


def _advisory(name: str) -> Trace:
    return told(request(0, 9, work(1, 5, sent(2, f"SELECT {name}(%(id)s) AS taken", id=7))))


def _failed_then(how: str, **ended: Any) -> Trace:
    fails = sent(4, INSERT, item=2, fails="23505")
    return told(request(0, 20, work(1, 10, sent(2, INSERT, tag="INSERT 0 1", item=1), fails, how=how), **ended))


def _batch(rows: int) -> Trace:
    values = ", ".join(f"(%(item__{n})s)" for n in range(rows))
    insert = f"INSERT INTO orders (item) SELECT p0::INTEGER FROM (VALUES {values}) AS imp_sen(p0) RETURNING orders.id"
    fails = sent(2, insert, fails="23514", **{f"item__{n}": n for n in range(rows)})
    return told(request(0, 20, work(1, 10, fails, how="rollback"), **_BROKEN))


def _half_filled(fails: str) -> Trace:
    fields = sent(3, INSERT, item=None, fails=fails)
    return told(request(0, 20, work(1, 10, flush(2, None), fields, how="rollback"), **_BROKEN))


def _deadlock(fails: str | None) -> Trace:
    lock = (
        sent(2, UPDATE, tag="UPDATE 1", item=1, id=1, fails=fails) if fails else sent(2, UPDATE, tag="UPDATE 1", id=1)
    )
    ended = _raised("OperationalError") if fails else {}
    return told(request(0, 20, work(1, 10, lock, how="rollback" if fails else "commit"), **ended))


def _refused(how: str) -> Trace:
    return told(request(0, 20, work(1, 10, sent(2, INSERT, tag="INSERT 0 1", item=1), how=how), outcome="404"))


def _closed_block(name: str) -> Trace:
    ended = _raised(name) if name else {}
    return told(request(0, 20, work(1, 10, sent(2, INSERT, tag="INSERT 0 1", item=1)), **ended))


def _raises(name: str) -> Trace:
    return told(request(0, 20, work(1, 10, sent(2, SELECT, id=1), how="close"), **(_raised(name) if name else {})))


def _dead(*, closed: bool) -> Trace:
    fails = sent(2, SELECT, id=1, fails="" if closed else "42P01")
    gone = [
        (3.1, ConnectionInvalidated, {"slot": 1, "request": "r"}),
        (3.2, ConnectionClosed, {"slot": 1, "request": "r"}),
    ]
    end = gone if closed else given_back(10, "rollback")
    return told(request(0, 20, taken(1), fails, end, **_raised("OperationalError")))


def _lock_wait(waits: float) -> Trace:
    """B holds a row, and A waits for it so many milliseconds."""
    return told(
        request(0, 900, work(1, 890, sent(2, UPDATE, B, "UPDATE 1", item=1, id=1), who=B), who=B),
        request(5, 950, work(6, 940, sent(10, UPDATE, A, "UPDATE 1", item=1, id=1, took=waits + 5), who=A), who=A),
        seen(12, 101, "Lock/transactionid", 102),
        seen(12 + waits, 101),
    )


def _many(sql: str, count: int, *, same: bool = False, tag: str = "SELECT 1") -> Trace:
    each = [sent(2.0 + 2 * n, sql, tag=tag, **dict.fromkeys(("id", "item"), 1 if same else n)) for n in range(count)]
    return told(request(0, 99, work(1, 90, *each)))


def _quiet(*, used: bool) -> Trace:
    return told(request(0, 9, *([work(1, 5, sent(2, SELECT, id=1))] if used else [])))


def _kept(*, given: bool) -> Trace:
    end = given_back(5, "close") if given else []
    return told(request(0, 9, taken(1), sent(2, SELECT, id=1), end), request(20, 30, who=B))


def _idle(ms: float) -> Trace:
    return told(request(0, ms + 20, work(1, ms + 10, sent(2, SELECT, id=1))))


def _called(*, inside: bool) -> Trace:
    calls = called(20, 120)
    if inside:
        return told(request(0, 150, work(1, 140, sent(2, SELECT, id=1), calls)))
    return told(request(0, 150, work(1, 10, sent(2, SELECT, id=1)), calls))


SAMPLES: Mapping[str, Sample] = MappingProxyType(
    {
        "connection_leak": Sample(_kept(given=False), _kept(given=True)),
        "background_session": Sample(_used_behind(session="S1"), _used_behind(session="S2")),
        "advisory_lock_pool": Sample(_advisory("pg_advisory_lock"), _advisory("pg_advisory_xact_lock")),
        "reset_on_return": Sample(_tenant(local=False), _tenant(local=True)),
        "shared_session": Sample(_shared(session="S1"), _shared(session="S2")),
        "shared_connection": Sample(_in_one_transaction(alone=False), _in_one_transaction(alone=True)),
        "async_gather": Sample(_during_a_statement("add", 4), _during_a_statement("add", 9)),
        "engine_across_fork": Sample(_forked(500), _forked(501)),
        "engine_per_request": Sample(_engines(in_requests=True), _engines(in_requests=False)),
        "several_engines": Sample(
            told(pool(ms=-2), pool(ms=-1), request(0, 9, work(1, 5, sent(2, SELECT, id=1)))),
            told(pool(ms=-2), request(0, 9, work(1, 5, sent(2, SELECT, id=1))), closed(20), pool(ms=21)),
        ),
        "no_commit": Sample(
            told(request(0, 9, work(1, 5, sent(2, INSERT, tag="INSERT 0 1", item=1), how="close"))),
            told(request(0, 9, work(1, 5, sent(2, INSERT, tag="INSERT 0 1", item=1), how="rollback"))),
        ),
        "swallowed_error": Sample(_failed_then("commit"), _failed_then("rollback", **_BROKEN)),
        "add_before_savepoint": Sample(_savepoints(added_inside=False), _savepoints(added_inside=True)),
        "batch_bad_row": Sample(_batch(3), _batch(1)),
        "autoflush_half_filled": Sample(_half_filled("23502"), _half_filled("23505")),
        "conflict": Sample(_deadlock("40P01"), _deadlock(None)),
        "middleware_session": Sample(_refused("commit"), _refused("rollback")),
        "commit_inside_begin": Sample(_closed_block("InvalidRequestError"), _closed_block("")),
        "orm_lost_update": Sample(_pair_of_updates("1", "2"), _pair_of_updates("1", "1")),
        "get_then_lock": Sample(_locked(anew=False), _locked(anew=True)),
        "orm_write_skew": Sample(_skewed(10), _skewed(60)),
        "task_before_commit": Sample(_queued_at(15), _queued_at(45)),
        "pool_exhausted": Sample(_waits_for_the_pool(by_call=True), _waits_for_the_pool(by_call=False)),
        "two_sessions": Sample(_two_connections(queued=True), _two_connections(queued=False)),
        "llm_inside": Sample(_called(inside=True), _called(inside=False)),
        "idle_in_transaction": Sample(_idle(2000), _idle(20)),
        "read_after_commit": Sample(_read_again(after_commit=True), _read_again(after_commit=False)),
        "lazy_after_close": Sample(_raises("DetachedInstanceError"), _raises("")),
        "async_lazy_load": Sample(_raises("MissingGreenlet"), _raises("")),
        "dead_connections": Sample(_dead(closed=True), _dead(closed=False)),
        "long_lock": Sample(_lock_wait(400), _lock_wait(4)),
        "n_plus_one": Sample(_many(SELECT, 6), _many(SELECT, 3)),
        "equal_statements": Sample(_many(SELECT, 4, same=True), _many(SELECT, 2, same=True)),
        "repeated_writes": Sample(_many(INSERT, 25, tag="INSERT 0 1"), _many(INSERT, 5, tag="INSERT 0 1")),
        "no_statement": Sample(_quiet(used=False), _quiet(used=True)),
    }
)
