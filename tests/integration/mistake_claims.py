"""What the catalogue's sentences claim, and the run or the installed library that each claim is true of.

By key of the mistake: a phrase that stands in its story, its why or its cure, and how it is proved: by a question to
the pair that has run, or by a side that is run for it. Every sentence must have at least one such phrase.
"""

from __future__ import annotations

import inspect
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import scoped_session, sessionmaker
from sqlalchemy.util import ThreadLocalRegistry

from simulator.history.application import (
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionEnding,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    Moment,
    ObjectStateChanged,
    PoolObserved,
    RequestEnded,
    SessionClosed,
    SessionEnded,
    WorkStarted,
)
from simulator.history.event import Event
from simulator.history.schedule import StatementFailed, StatementStarted
from simulator.history.words import EndingCommand, ObjectState, SessionOutcome
from simulator.labs.fastapi.observed import AFTER
from simulator.labs.mistakes import catalogue
from simulator.labs.mistakes.entry import Side
from simulator.labs.mistakes.run import PairResult, SideResult
from simulator.labs.mistakes.told import OK, Told
from tests.integration import mistake_variants as variants

E = TypeVar("E", bound=Event)
Claim = Callable[[PairResult], bool] | Side


def told(side: SideResult, client: str = "A") -> Told:
    """What this client was told."""
    return next(each for each in side.told if each.client == client)


def sent(side: SideResult, words: str, client: str = "") -> list[StatementStarted]:
    """Statements that have these words in them."""
    found = (event for event in side.history.events if isinstance(event, StatementStarted))
    return [event for event in found if words in event.sql and client in ("", event.request)]


def of(side: SideResult, kind: type[E], client: str = "") -> list[E]:
    """Events of this kind."""
    found = (event for event in side.history.events if isinstance(event, kind))
    return [event for event in found if client in ("", event.request)]


def opened(side: SideResult) -> list[ConnectionOpened]:
    return of(side, ConnectionOpened)


def works(side: SideResult, client: str, label: str = "") -> list[WorkStarted]:
    return [each for each in of(side, WorkStarted, client) if label in each.label]


def moments(side: SideResult, label: str, client: str) -> list[Moment]:
    return [each for each in of(side, Moment, client) if each.label == label]


def ending(side: SideResult, command: EndingCommand, client: str = "A") -> list[Event]:
    """COMMITs or ROLLBACKs of this client."""
    events = (event for event in side.history.events if isinstance(event, ConnectionEnding))
    return [event for event in events if event.command == command and event.request == client]


def before(first: Iterable[Event], then: Iterable[Event]) -> bool:
    """The last of the first ones comes before the first of the others."""
    return max(each.seq for each in first) < min(each.seq for each in then)


def ok(side: SideResult) -> bool:
    return all(each.outcome == OK for each in side.told)


def failed(side: SideResult, error: str, client: str = "A") -> bool:
    return told(side, client).status == 500 and told(side, client).error == error


def rolled_back(side: SideResult) -> bool:
    ends = [event.outcome for event in side.history.events if isinstance(event, SessionEnded) and not event.nested]
    return ends[0] == SessionOutcome.ROLLED_BACK


def expired(side: SideResult, kind: str, cause: str) -> bool:
    changes = (event for event in side.history.events if isinstance(event, ObjectStateChanged))
    return any(each.expired and each.cause == cause and each.object.startswith(kind) for each in changes)


def line_of(statement: StatementStarted) -> str:
    """The application's line that sent it, as it stands in the catalogue: `changes.py:79 import_conversation_early`."""
    name, number = statement.line.split(" ")[0].split(":")
    return Path(catalogue.__file__).with_name(name).read_text("utf-8").splitlines()[int(number) - 1]


def sessions_of(side: SideResult, client: str) -> set[str]:
    """Those of its statements."""
    return {event.session for event in sent(side, "", client) if event.session}


COMMIT, ROLLBACK = EndingCommand.COMMIT, EndingCommand.ROLLBACK

CLAIMS: Mapping[str, Mapping[str, Claim]] = {
    "swallowed_commit_error": {
        "so the commit fails": lambda pair: (
            failed(pair.fixed, "IntegrityError") and told(pair.fixed).sqlstate == "23505"
        ),
        "told 200 and welcomed": lambda pair: ok(pair.mistake) and "Welcome" in told(pair.mistake).answer,
        "Neither she nor her welcome message": lambda pair: pair.mistake.stored == ((0, 0),),
        "not only not the row at fault": lambda pair: (
            bool(sent(pair.mistake, "INSERT INTO messages") or sent(pair.mistake, "INSERT INTO users"))
            and pair.mistake.stored == ((0, 0),)
        ),
        "it saves nothing": variants.SIGNED_UP_TWICE,
        "raise the error again": lambda pair: failed(pair.fixed, "IntegrityError"),
        "where it is answered": lambda pair: told(pair.fixed).status == 500 and told(pair.mistake).status == 200,
    },
    "commit_inside_begin": {
        "opened with its first message": lambda pair: pair.fixed.stored == ((1, 1),),
        "In between the code commits": lambda pair: bool(ending(pair.mistake, COMMIT)),
        "half is stored: a conversation without": lambda pair: pair.mistake.stored == ((1, 0),),
        "Trying again makes a second": variants.OPENED_TWICE,
        "commit() ends it": lambda pair: len(ending(pair.mistake, COMMIT)) == 1,
        "raises InvalidRequestError": lambda pair: failed(pair.mistake, "InvalidRequestError"),
        "the commit has expired it": lambda pair: expired(pair.mistake, "Conversation", "commit"),
        "flush() gives the id and keeps": lambda pair: (
            before(sent(pair.fixed, "INSERT INTO messages"), ending(pair.fixed, COMMIT)) and ok(pair.fixed)
        ),
    },
    "add_before_savepoint": {
        "a bad one costs no other": lambda pair: pair.fixed.stored == ((4,),),
        "The third is refused": lambda pair: any(
            isinstance(event, StatementFailed) and event.sqlstate == "23514" for event in pair.mistake.history.events
        ),
        "with PendingRollbackError, and none of them": lambda pair: (
            failed(pair.mistake, "PendingRollbackError") and pair.mistake.stored == ((0,),)
        ),
        "flushes what is pending first": lambda pair: len(sent(pair.mistake, "INSERT")) == 3,
        "never sent": lambda pair: (
            not ending(pair.mistake, EndingCommand.SAVEPOINT) and len(ending(pair.fixed, EndingCommand.SAVEPOINT)) == 5
        ),
        "the whole transaction is rolled back": lambda pair: rolled_back(pair.mistake),
        "add() inside of the block": lambda pair: pair.fixed.stored == ((4,),),
    },
    "json_in_place": {
        "The agent shall remember": lambda pair: pair.fixed.stored == (("prices",),),
        "the client is told that it is remembered": lambda pair: told(pair.mistake).answer == "remembered prices",
        "No UPDATE was sent": lambda pair: not sent(pair.mistake, "UPDATE") and pair.mistake.stored == ((None,),),
        "notices that an attribute is set": lambda pair: len(sent(pair.fixed, "UPDATE agents")) == 1,
        "it does not see": lambda pair: not sent(pair.mistake, "UPDATE"),
        "MutableDict.as_mutable(JSONB)": variants.MUTABLE_DICT,
    },
    "autoflush_half_filled": {
        "its user is looked up by e-mail": lambda pair: bool(sent(pair.fixed, "FROM users")),
        "null value in column user_id": lambda pair: (
            'null value in column "user_id"' in of(pair.mistake, StatementFailed)[0].message
            and failed(pair.mistake, "IntegrityError")
        ),
        "of the line that only reads": lambda pair: "conversation.user =" in line_of(sent(pair.mistake, "INSERT")[0]),
        "Nothing is stored": lambda pair: pair.mistake.stored == ((0,),),
        "before a query the Session writes": lambda pair: not sent(pair.mistake, "FROM users"),
        "had no user_id at that moment": lambda pair: (
            ("user_id", None) in sent(pair.mistake, "INSERT INTO conversations")[0].parameters
        ),
        "Look up first": lambda pair: before(sent(pair.fixed, "FROM users"), sent(pair.fixed, "INSERT")),
        "session.no_autoflush": variants.NO_AUTOFLUSH,
    },
    "onupdate_async": {
        "expire_on_commit is off": lambda _pair: (
            "expire_on_commit=False" in catalogue.find("onupdate_async").mistake.source
        ),
        "told 500, for MissingGreenlet": lambda pair: told(pair.mistake).cause == "MissingGreenlet",
        "is stored all the same": lambda pair: pair.mistake.stored == ((1,),),
        "to now() on the server": lambda pair: "updated_at=now()" in sent(pair.mistake, "UPDATE agents")[0].sql,
        "the flush expires that one attribute": variants.EXPIRED_BY_THE_FLUSH,
        "session.refresh(agent": lambda pair: ok(pair.fixed) and bool(sent(pair.fixed, "SELECT agents.updated_at")),
        '"eager_defaults": True': variants.EAGER_DEFAULTS,
        "set the time in Python": variants.TIME_IN_PYTHON,
    },
    "task_before_commit": {
        "its id goes to a queue, then comes the commit": lambda pair: before(
            sent(pair.mistake, "SELECT", "worker"), ending(pair.mistake, COMMIT)
        ),
        "it finds no such message": lambda pair: told(pair.mistake, "worker").answer == "no such message",
        "its summary never comes": lambda pair: pair.mistake.stored == ((1, 0),),
        "there for its own transaction alone": lambda pair: (
            before(sent(pair.mistake, "INSERT INTO messages", "A"), sent(pair.mistake, "SELECT", "worker"))
            and told(pair.mistake, "worker").answer == "no such message"
        ),
        "nor does it take the task back": variants.QUEUED_AND_ROLLED_BACK,
        "Queue the task behind the commit": lambda pair: before(
            ending(pair.fixed, COMMIT), sent(pair.fixed, "SELECT", "worker")
        ),
        "in an outbox table": variants.OUTBOX,
    },
    "stale_worker_loop": {
        "in one Session at REPEATABLE READ": lambda pair: len(sessions_of(pair.mistake, "worker")) == 1,
        "After its first look a task is committed": lambda pair: (
            before(sent(pair.mistake, "SELECT", "worker")[:1], ending(pair.mistake, COMMIT, "A"))
            and before(ending(pair.mistake, COMMIT, "A"), sent(pair.mistake, "SELECT", "worker")[1:])
        ),
        "looks twice more and finds nothing": lambda pair: told(pair.mistake, "worker").answer == "no task in 3 looks",
        "idle in transaction in between": lambda pair: len(ending(pair.mistake, ROLLBACK, "worker")) <= 1,
        "every later one of the transaction reads it": lambda pair: pair.mistake.stored == ((1,),),
        "The Session ends no transaction by itself": lambda pair: not ending(pair.mistake, COMMIT, "worker"),
        "rows are found, but objects": variants.OBJECTS_STAY,
        "open the Session inside of the loop": lambda pair: "found at look 2" in told(pair.fixed, "worker").answer,
        "commit before each wait": variants.COMMIT_BEFORE_WAIT,
    },
    "engine_per_request": {
        "makes an engine and asks": lambda pair: len(opened(pair.mistake)) == 5 and ok(pair.mistake),
        "no pool misses a connection": lambda pair: pair.mistake.leaked.connections == 0,
        "five connections stay open": lambda pair: pair.mistake.stored == ((5,),),
        "has a pool of its own": lambda pair: len(of(pair.mistake, PoolObserved)) == 1 + 5,
        "gives its connection back": lambda pair: len(of(pair.mistake, ConnectionCheckedIn)) == 5,
        "Each request pays for connecting": lambda pair: len({each.request for each in opened(pair.mistake)}) == 5,
        "One engine a process": lambda pair: len(opened(pair.fixed)) == 1 and pair.fixed.stored == ((1,),),
        "Or dispose() of it": variants.DISPOSED,
    },
    "two_sessions": {
        "in one Session and writes its message in another": lambda pair: all(
            of(pair.mistake, ConnectionRefused, client) and sent(pair.mistake, "FROM users", client) for client in "AB"
        ),
        "the pool has two connections": lambda pair: (
            [(each.size, each.max_overflow) for each in of(pair.mistake, PoolObserved)] == [(2, 0)]
        ),
        "both are told an error, nothing is stored": lambda pair: (
            all(failed(pair.mistake, "TimeoutError", client) for client in "AB") and pair.mistake.stored == ((0,),)
        ),
        "keeps its connection until its transaction ends": lambda pair: before(
            of(pair.mistake, ConnectionRefused), of(pair.mistake, ConnectionCheckedIn)
        ),
        "needs two connections at the same time": variants.ALONE_WITH_ONE,
        "as many requests as the pool has connections": lambda pair: len(of(pair.mistake, ConnectionRefused)) == 2,
        "one connection, and one transaction": lambda pair: (
            ok(pair.fixed) and len(sessions_of(pair.fixed, "A")) == 1 and not of(pair.fixed, ConnectionRefused)
        ),
    },
    "advisory_lock_pool": {
        "shall let one of them": lambda pair: told(pair.fixed, "B").answer == "somebody else writes them",
        "The first has it": lambda pair: before(
            sent(pair.mistake, "pg_try_advisory_lock", "A"), sent(pair.mistake, "pg_try_advisory_lock", "B")
        ),
        "and writes them once more": lambda pair: (
            told(pair.mistake, "B").answer == "written" and pair.mistake.stored == ((2,),)
        ),
        "belongs to the connection, and the job gave that back": lambda pair: before(
            of(pair.mistake, ConnectionCheckedIn)[:1], sent(pair.mistake, "pg_try_advisory_lock", "B")
        ),
        "lends it to the second": lambda pair: len(opened(pair.mistake)) == 1,
        "does not end such a lock": lambda pair: before(
            ending(pair.mistake, ROLLBACK, "A")[:1], sent(pair.mistake, "pg_try_advisory_lock", "B")
        ),
        "it ends with it": variants.XACT_LOCK_ENDS,
        "held for as long as the job takes": lambda pair: (
            before(works(pair.fixed, "A"), of(pair.fixed, ConnectionCheckedIn, "A"))
            and len(of(pair.fixed, ConnectionCheckedOut, "A")) == 1
        ),
    },
    "streaming_answer": {
        "word by word (SSE)": lambda pair: all(told(pair.mistake, each).answer.startswith("data: ") for each in "AB"),
        "both are out, though nobody sends SQL": lambda pair: (
            len(of(pair.mistake, ConnectionOpened)) == 2
            and before(sent(pair.mistake, "SELECT"), of(pair.mistake, ConnectionRequested, "C"))
            and before(of(pair.mistake, ConnectionRefused, "C"), sent(pair.mistake, "INSERT"))
            and before(of(pair.mistake, ConnectionRefused, "C"), of(pair.mistake, ConnectionCheckedIn))
        ),
        "told 500 after its time-out": lambda pair: (
            failed(pair.mistake, "TimeoutError", "C") and of(pair.mistake, ConnectionRefused, "C")[0].timed_out
        ),
        "sent to its last byte": lambda pair: all(
            before(moments(pair.mistake, "response sent", each), works(pair.mistake, each, AFTER)) for each in "AB"
        ),
        "keeps the connection, idle": lambda pair: all(
            before(sent(pair.mistake, "SELECT", each), of(pair.mistake, ConnectionCheckedIn, each)[:1])
            and len(of(pair.mistake, ConnectionCheckedOut, each)) == 1
            for each in "AB"
        ),
        "before the first byte": lambda pair: (
            ok(pair.fixed)
            and all(
                before(of(pair.fixed, ConnectionCheckedIn, each)[:1], moments(pair.fixed, "response started", each))
                for each in "AB"
            )
        ),
        "is a transaction of its own": lambda pair: all(
            len(of(pair.fixed, ConnectionCheckedOut, each)) == 2 and len(ending(pair.fixed, COMMIT, each)) == 1
            for each in "AB"
        ),
        "A download is the same": variants.DOWNLOAD,
    },
    "scoped_remove_elsewhere": {
        "Ada discards a draft": lambda pair: told(pair.mistake).answer == "discarded",
        "there is no Session to remove": lambda pair: (
            [each.request for each in of(pair.mistake, SessionClosed) if each.session in sessions_of(pair.mistake, "A")]
            == ["C"]
        ),
        "in another thread": variants.TWO_THREADS,
        "in the first thread, and Ada's draft is stored": lambda pair: (
            sessions_of(pair.mistake, "A") == sessions_of(pair.mistake, "C")
            and pair.mistake.stored == (("draft",), ("Hello",))
        ),
        "has one Session a thread": lambda _pair: isinstance(
            scoped_session(sessionmaker()).registry, ThreadLocalRegistry
        ),
        "another request had taken the first one": variants.TWO_THREADS,
        "A Session a request": lambda pair: (
            pair.fixed.stored == (("Hello",),) and not sessions_of(pair.fixed, "A") & sessions_of(pair.fixed, "C")
        ),
        "No scoped_session, no remove()": lambda _pair: (
            "scoped_session" not in catalogue.find("scoped_remove_elsewhere").fixed.source
        ),
    },
    "object_to_background_task": {
        "a background task is to summarise it": lambda pair: pair.fixed.stored == ((1, 1),),
        "The client is told 200": lambda pair: told(pair.mistake).status == 200,
        "failed with DetachedInstanceError": lambda pair: (
            "DetachedInstanceError" in of(pair.mistake, RequestEnded)[0].error and pair.mistake.stored == ((1, 0),)
        ),
        "close() takes it out of its Session": lambda pair: (
            expired(pair.mistake, "Message", "commit")
            and any(
                each.after == ObjectState.DETACHED and each.cause == "close"
                for each in of(pair.mistake, ObjectStateChanged)
            )
        ),
        "nothing left that could load it": lambda pair: not sent(pair.mistake, "SELECT"),
        "loads what it needs": lambda pair: ok(pair.fixed) and len(sent(pair.fixed, "SELECT")) == 1,
    },
    "engine_across_fork": {
        "has used its engine, then forks a worker": lambda pair: not opened(pair.mistake),
        "sees the uncommitted message, and rolls back": lambda pair: (
            told(pair.mistake, "parent").answer == "41 messages"
            and before(sent(pair.mistake, "INSERT", "child"), ending(pair.mistake, ROLLBACK, "parent"))
            and before(ending(pair.mistake, ROLLBACK, "parent"), ending(pair.mistake, COMMIT, "child"))
        ),
        "says saved, and nothing is stored": lambda pair: (
            told(pair.mistake, "child").answer == "saved" and pair.mistake.stored == ((0,),)
        ),
        "both copies hold the same socket": lambda pair: (
            len({each.backend for each in of(pair.mistake, ConnectionCheckedOut)}) == 1
            # As the two lanes say at their ends.
            and len({each.detail for each in of(pair.mistake, Moment)}) == 1
            and len({each.detail for each in of(pair.fixed, Moment)}) == 2
            and len({each.backend for each in of(pair.fixed, ConnectionCheckedOut)}) == 2
        ),
        "is a warning and no error": variants.COMMIT_OF_NOTHING,
        "gives it a pool of its own": lambda pair: (
            [each.request for each in opened(pair.fixed)] == ["child"] and pair.fixed.stored == ((1,),)
        ),
        "takes an initializer": lambda _pair: "initializer" in inspect.signature(multiprocessing.Pool).parameters,
    },
}
