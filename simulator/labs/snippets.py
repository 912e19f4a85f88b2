"""Lines that every course on the subject has, and what they do on the libraries that are installed.

As in `labs.sessions.lines`, what is shown is what is run: the texts of `SNIPPETS`, and no other text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import sessionmaker

from simulator.engines.base import Engine
from simulator.labs.backend.models import Message, User
from simulator.labs.backend.setup import setup
from simulator.labs.mistakes.warned import DEPRECATIONS, listening
from simulator.labs.place import Place, open_place
from simulator.recorder.raised import raised

#: One for the snippet's Session, one beside it.
CONNECTIONS = 3


#: What every snippet may use without an import.
_NAMES: Mapping[str, Any] = MappingProxyType(
    {"User": User, "Message": Message, "select": select, "func": func, "sessionmaker": sessionmaker}
)


@dataclass(frozen=True, slots=True)
class Way:
    """Code that runs by itself; `tells` is what a prompt would answer then, as an expression."""

    code: str
    tells: str = ""


@dataclass(frozen=True, slots=True)
class Snippet:
    """The usual way, and the other one that stands beside it, if any."""

    key: str
    usual: Way
    other: Way | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one way came to."""

    told: str
    #: class of what it raised, "" for nothing, and the first line of its message
    raised: str
    message: str
    #: `MovedIn20Warning: The declarative_base() function …`
    warnings: tuple[str, ...]
    #: statements that were sent
    sql: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Neither an error nor a warning."""
        return not self.raised and not self.warnings


@dataclass(frozen=True, slots=True)
class SnippetRun:
    """Both ways, run one after the other; each in a place of its own."""

    usual: Seen
    other: Seen | None


_USERS = "users = session.scalars(select(User)).all()"
_GET_DB = """\
def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
"""
_GET_DB_WITH = """\
def get_db():
    with SessionLocal() as db:
        yield db
"""
#: What FastAPI does with a dependency, up to its end.
_USED = """
dependency = get_db()
db = next(dependency)
db.scalar(select(func.count()).select_from(User))
dependency.close()
"""
_OUT = "engine.pool.checkedout()"

_ALL = (
    Snippet(
        "query_all",
        Way("from sqlalchemy import select\n\nusers = session.query(User).all()", "len(users)"),
        Way(f"from sqlalchemy import select\n\n{_USERS}", "len(users)"),
    ),
    Snippet(
        "query_get",
        Way("user = session.query(User).get(1)", "user.name"),
        Way("user = session.get(User, 1)", "user.name"),
    ),
    Snippet(
        "select_first",
        Way('user = session.query(User).filter(User.name == "Ada").first()', "user.name"),
        Way(
            'from sqlalchemy import select\n\nuser = session.scalars(select(User).where(User.name == "Ada")).first()',
            "user.name",
        ),
    ),
    Snippet(
        "pydantic_dict",
        Way(
            "from pydantic import BaseModel\n\n\nclass UserOut(BaseModel):\n    name: str\n\n\n"
            'data = UserOut(name="Ada").dict()',
            "data",
        ),
        Way(
            "from pydantic import BaseModel\n\n\nclass UserOut(BaseModel):\n    name: str\n\n\n"
            'data = UserOut(name="Ada").model_dump()',
            "data",
        ),
    ),
    Snippet(
        "orm_mode",
        Way(
            "from pydantic import BaseModel\n\n\nclass UserOut(BaseModel):\n    name: str\n\n"
            "    class Config:\n        orm_mode = True",
        ),
        Way(
            "from pydantic import BaseModel, ConfigDict\n\n\nclass UserOut(BaseModel):\n"
            "    model_config = ConfigDict(from_attributes=True)\n    name: str\n\n\n"
            "out = UserOut.model_validate(session.get_one(User, 1))",
            "out.name",
        ),
    ),
    Snippet(
        "url_postgresql",
        Way(
            'from sqlalchemy import create_engine\n\nengine = create_engine("postgresql://ada@localhost/agents")',
            "engine.driver",
        ),
        Way(
            "from sqlalchemy import create_engine\n\n"
            'engine = create_engine("postgresql+psycopg2://ada@localhost/agents")',
            "engine.driver",
        ),
    ),
    Snippet("get_db_finally", Way(_GET_DB + _USED, _OUT), Way(_GET_DB_WITH + _USED, _OUT)),
    Snippet(
        "with_session",
        Way(
            "with SessionLocal() as session:\n"
            '    session.add(Message(conversation_id=1, role="user", content="Hello"))\n    session.commit()',
            _OUT,
        ),
        Way(
            "with SessionLocal.begin() as session:\n"
            '    session.add(Message(conversation_id=1, role="user", content="Hello"))',
            _OUT,
        ),
    ),
    Snippet(
        "sessionmaker_autocommit",
        Way(
            "SessionLocal = sessionmaker(autocommit=False, autoflush=False, bind=engine)\n\n"
            "with SessionLocal() as session:\n"
            '    session.add(Message(conversation_id=1, role="user", content="Hello"))\n'
            "    count = session.scalar(select(func.count()).select_from(Message))",
            "count",
        ),
        Way(
            "SessionLocal = sessionmaker(engine)\n\n"
            "with SessionLocal() as session:\n"
            '    session.add(Message(conversation_id=1, role="user", content="Hello"))\n'
            "    count = session.scalar(select(func.count()).select_from(Message))",
            "count",
        ),
    ),
    Snippet(
        "declarative_base",
        Way("from sqlalchemy.ext.declarative import declarative_base\n\nBase = declarative_base()"),
        Way("from sqlalchemy.orm import DeclarativeBase\n\n\nclass Base(DeclarativeBase):\n    pass"),
    ),
    Snippet(
        "execute_text",
        Way('session.execute("SELECT count(*) FROM users")'),
        Way('from sqlalchemy import text\n\ncount = session.scalar(text("SELECT count(*) FROM users"))', "count"),
    ),
    Snippet(
        "engine_execute",
        Way('engine.execute("SELECT count(*) FROM users")'),
        Way(
            "from sqlalchemy import text\n\nwith engine.connect() as connection:\n"
            '    count = connection.scalar(text("SELECT count(*) FROM users"))',
            "count",
        ),
    ),
    Snippet(
        "add_all",
        Way(
            "session.add_all(\n"
            '    Message(conversation_id=1, role="user", content=str(number)) for number in range(100)\n)\n'
            "session.commit()",
        ),
        Way(
            "from sqlalchemy import insert\n\n"
            'rows = [{"conversation_id": 1, "role": "user", "content": str(number)} for number in range(100)]\n'
            "session.execute(insert(Message), rows)\nsession.commit()",
        ),
    ),
)
SNIPPETS: Mapping[str, Snippet] = MappingProxyType({each.key: each for each in _ALL})


def run_snippet(engine: Engine, key: str) -> SnippetRun:
    """Run both ways of a snippet. Raises KeyError, EngineBusy, EngineError."""
    snippet = SNIPPETS[key]
    return SnippetRun(_seen(engine, snippet.usual), None if snippet.other is None else _seen(engine, snippet.other))


def _seen(engine: Engine, way: Way) -> Seen:
    with open_place(engine, setup()[:2], CONNECTIONS) as place, listening(*DEPRECATIONS) as warned:
        return _run(place, way, warned)


def _run(place: Place, way: Way, warned: Sequence[str]) -> Seen:
    engine, sql = place.create_engine(pool_size=2, max_overflow=0), []
    event.listen(engine, "before_cursor_execute", lambda *arguments: sql.append(" ".join(arguments[2].split())))
    maker = sessionmaker(engine)
    told, error = "", ("", "")
    with maker() as session:
        scope: dict[str, Any] = {"SessionLocal": maker, "session": session, "engine": engine, **_NAMES}
        try:
            exec(way.code, scope)  # noqa: S102 (one of the table's texts)
            told = repr(eval(way.tells, scope)) if way.tells else ""  # noqa: S307 (the same)
        except (SQLAlchemyError, AttributeError, TypeError) as problem:
            error = (raised(problem).error_class, next(iter(str(problem).splitlines()), ""))
    return Seen(told, *error, tuple(dict.fromkeys(warned)), tuple(sql))
