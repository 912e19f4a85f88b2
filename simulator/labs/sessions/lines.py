"""A Session as one has it at a Python prompt: lines of a fixed vocabulary, run one by one, and what it held after each.

What is shown is what is run: the texts of `LINES`, and no other text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.history.application import ConnectionBegan, ConnectionEnding, Moment
from simulator.history.schedule import History, StatementStarted
from simulator.history.words import EndingCommand
from simulator.labs.backend.models import Message
from simulator.labs.backend.setup import setup
from simulator.labs.place import open_place
from simulator.recorder import Recorder, trace
from simulator.recorder.raised import raised

#: Label of the moments that divide the history into lines.
LINE = "line"
#: The Session's one connection, and one for setting up.
CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `tells` is what a prompt would answer, as an expression."""

    code: str
    tells: str = ""


LINES: Mapping[str, Line] = MappingProxyType(
    {
        "open": Line("session = SessionLocal()"),
        "open_keep": Line("session = SessionLocal(expire_on_commit=False)"),
        "open_no_autoflush": Line("session = SessionLocal(autoflush=False)"),
        "new": Line('message = Message(conversation_id=1, role="user", content="Hello")'),
        "new_bad": Line('message = Message(conversation_id=999, role="user", content="Hello")'),
        "add": Line("session.add(message)"),
        "add_other": Line('session.add(Message(conversation_id=1, role="tool", content="42"))'),
        "flush": Line("session.flush()"),
        "commit": Line("session.commit()"),
        "rollback": Line("session.rollback()"),
        "close": Line("session.close()"),
        "get": Line("message = session.get_one(Message, 1)"),
        "same": Line("again = session.get_one(Message, 1)", "again is message"),
        "change": Line('message.content = "Changed"'),
        "read": Line("text = message.content", "text"),
        "read_id": Line("number = message.id", "number"),
        "count": Line("count = session.scalar(select(func.count()).select_from(Message))", "count"),
        "delete": Line("session.delete(message)"),
        "expire": Line("session.expire(message)"),
        "refresh": Line("session.refresh(message)"),
        "expunge": Line("session.expunge(message)"),
        "merge": Line("message = session.merge(message)"),
        "savepoint": Line("nested = session.begin_nested()"),
        "savepoint_commit": Line("nested.commit()"),
        "savepoint_rollback": Line("nested.rollback()"),
    }
)


@dataclass(frozen=True, slots=True)
class Held:
    """What the Session held when a line had run; its objects by class and key: `Message 41`, `Message` without one."""

    identity_map: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    dirty: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    #: it has begun one, whether or not the server knows of it
    in_transaction: bool = False
    #: a connection is out of the pool
    connected: bool = False
    #: of `message`: transient, pending, persistent, expired, deleted, detached; "" before there is one
    message: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line that ran."""

    name: str
    #: what a prompt would answer, "" for nothing
    told: str
    #: class and message of what it raised; "" for nothing
    raised: str
    message: str
    #: what was sent to the server meanwhile
    sql: tuple[str, ...]
    held: Held

    @property
    def code(self) -> str:
        return LINES[self.name].code


@dataclass(frozen=True, slots=True)
class LinesRun:
    """All of them, and everything that was recorded."""

    steps: tuple[Step, ...]
    history: History


def run_lines(engine: Engine, names: Sequence[str]) -> LinesRun:
    """Run lines of `LINES`, each also where one before it raised. Raises KeyError, EngineBusy, EngineError."""
    lines = [LINES[name] for name in names]
    with open_place(engine, setup()[:2], CONNECTIONS) as place:
        sql_engine = place.create_engine(pool_size=1, max_overflow=0)
        maker = sessionmaker(sql_engine)
        names_in = {"SessionLocal": maker, "Message": Message, "select": select, "func": func}
        with trace(sql_engine, maker) as recorder:
            done = [_run(line, number, names_in, recorder, sql_engine) for number, line in enumerate(lines, 1)]
            history = recorder.history()
            session = names_in.get("session")
            if isinstance(session, Session):
                session.close()
    sent = dict(_sent(history))
    steps = tuple(
        Step(name, told, *error, tuple(sent.get(number, ())), held)
        for number, (name, (told, error, held)) in enumerate(zip(names, done, strict=True), 1)
    )
    return LinesRun(steps, history)


def _run(
    line: Line, number: int, scope: dict[str, Any], recorder: Recorder, engine: SqlEngine
) -> tuple[str, tuple[str, str], Held]:
    """What it told, what it raised, what the Session held then."""
    recorder.moment(LINE, str(number))
    told, error = "", ("", "")
    try:
        exec(line.code, scope)  # noqa: S102 (one of the table's lines)
        told = repr(eval(line.tells, scope)) if line.tells else ""  # noqa: S307 (the same)
    except (SQLAlchemyError, NameError) as problem:
        said = raised(problem)
        error = (said.error_class, next(iter(str(problem).splitlines()), ""))
    return told, error, _held(scope, engine)


def _held(scope: Mapping[str, Any], engine: SqlEngine) -> Held:
    """Asking this sends nothing and changes nothing."""
    session, message = scope.get("session"), scope.get("message")
    if not isinstance(session, Session):
        return Held(message=_state(message))
    pool: Any = engine.pool
    return Held(
        tuple(sorted(map(_named, session.identity_map.values()))),
        tuple(map(_named, session.new)),
        tuple(map(_named, session.dirty)),
        tuple(map(_named, session.deleted)),
        session.in_transaction(),
        pool.checkedout() > 0,
        _state(message),
    )


def _named(instance: object) -> str:
    identity = inspect(instance).identity
    return " ".join((type(instance).__name__, *map(str, identity or ())))


def _state(message: object) -> str:
    """The state's name as SQLAlchemy has it; `expired` where a persistent object has lost its values."""
    if message is None:
        return ""
    state: Any = inspect(message)
    names = ("transient", "pending", "persistent", "deleted", "detached")
    name = next(name for name in names if getattr(state, name))
    return "expired" if name == "persistent" and state.expired else name


def _sent(history: History) -> Iterator[tuple[int, list[str]]]:
    """By the number of the line: every statement, BEGIN and the end of a transaction included."""
    sent: list[str] = []
    for event in history.events:
        if isinstance(event, Moment) and event.label == LINE:
            sent = []
            yield int(event.detail), sent
        elif isinstance(event, StatementStarted):
            sent.append(" ".join(event.sql.split()))
        elif isinstance(event, ConnectionBegan):
            sent.append("BEGIN")
        elif isinstance(event, ConnectionEnding) and event.command in (EndingCommand.COMMIT, EndingCommand.ROLLBACK):
            # Those of savepoints are statements, too.
            sent.append(event.command.value)
