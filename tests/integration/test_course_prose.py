"""Sentences of the course that no figure of a chapter shows, each tried on a real server."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, event, func, inspect, select, text
from sqlalchemy.exc import IntegrityError, NoResultFound, OperationalError, SAWarning
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

from simulator.engines.base import Engine
from simulator.labs.backend.models import Account, Agent, Base, Conversation, Document, Message, User
from simulator.labs.backend.setup import setup
from simulator.labs.place import Place, open_place
from tests.course_text import says

CONNECTIONS = 6


@dataclass(frozen=True)
class Application:
    """The backend's tables, an engine, and what was sent through it."""

    place: Place
    engine: SqlEngine
    make: sessionmaker[Session]
    sent: list[str]

    def sent_by(self, work: Any) -> list[str]:
        """What a piece of work sends."""
        before = len(self.sent)
        work()
        return self.sent[before:]


@pytest.fixture
def app(engine: Engine) -> Iterator[Application]:
    with open_place(engine, setup(), CONNECTIONS) as place:
        sql_engine = place.create_engine()
        sent: list[str] = []
        event.listen(sql_engine, "before_cursor_execute", lambda *given: sent.append(" ".join(given[2].split())))
        yield Application(place, sql_engine, sessionmaker(sql_engine), sent)


def test_the_backend_holds_what_the_overview_counts(app: Application) -> None:
    says("overview", "Users (4) talk to agents (5) in conversations (20)", "用户（4 个）和 agent（5 个）")
    says("overview", "documents (400), and accounts (6)", "文档（400 篇），账户（6 个）")
    with app.make() as session:
        kinds = (User, Agent, Conversation, Message, Document, Account)
        assert [session.scalar(select(func.count()).select_from(kind)) for kind in kinds] == [4, 5, 20, 40, 400, 6]
        assert len(Base.metadata.tables) == len(kinds)


def test_what_was_added_and_not_flushed_is_never_sent(app: Application) -> None:
    says("core", "Add a message and close the Session at once: not one statement was sent", "一条语句也没有发出")

    def add_and_close() -> None:
        with app.make() as session:
            session.add(Message(conversation_id=1, role="user", content="Hello"))

    assert app.sent_by(add_and_close) == []


def test_a_select_gives_the_object_that_is_there_with_its_old_values(app: Application) -> None:
    says("core", "it gives you the same object, with the values that it had", "值也还是旧的")
    says("core", "Two Sessions have two objects", "两个 Session 就有两个对象")
    with app.make() as session, app.make.begin() as other:
        user = session.get_one(User, 1)
        assert other.get_one(User, 1) is not user
        other.get_one(User, 1).name = "Augusta"
        other.flush()
        other.commit()
        again = session.scalars(select(User).where(User.id == 1)).one()
        assert again is user
        assert again.name == "Ada"
        assert session.scalar(select(User.name).where(User.id == 1)) == "Augusta"


def test_the_identity_map_refers_weakly(app: Application) -> None:
    says("core", "as long as you hold the first", "前提是你还拿着第一个")
    with app.make() as session:
        held = session.get_one(User, 1)
        assert app.sent_by(lambda: session.get_one(User, 1)) == []
        assert held.name == "Ada"
        del held
        gc.collect()
        assert len(app.sent_by(lambda: session.get_one(User, 1))) == 1


def test_a_failed_flush_rolls_back_what_was_written_before(app: Application) -> None:
    says("analogies", "A flush that failed has ended its transaction", "flush 失败，它的事务就完了")
    with app.make() as session:
        session.add(Message(conversation_id=1, role="user", content="written before"))
        session.flush()
        session.add(Message(conversation_id=1, role="robot", content="refused"))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
        assert not session.scalars(select(Message).where(Message.content == "written before")).all()


def test_null_pool_opens_a_connection_for_each_transaction(app: Application) -> None:
    says("creation", "opens a connection for each transaction", "每个事务新开一条连接，用完就关")
    engine = create_engine("postgresql+psycopg2://", connect_args=dict(app.place.keywords), poolclass=NullPool)
    closed: list[object] = []
    event.listen(engine, "close", lambda connection, _record: closed.append(connection))
    with Session(engine) as session:
        backends = set()
        for _ in range(3):
            backends.add(session.scalar(select(func.pg_backend_pid())))
            session.commit()
        assert len(backends) == len(closed) == 3


def test_time_outs_are_the_connections(app: Application) -> None:
    says("creation", "-c lock_timeout=2s -c idle_in_transaction_session_timeout=30s", "-c lock_timeout=2s")
    keywords = dict(app.place.keywords) | {"application_name": "agent-api", "connect_timeout": "5"}
    keywords["options"] = f"{keywords.get('options', '')} -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
    engine = create_engine("postgresql+psycopg://", connect_args=keywords, poolclass=NullPool)
    names = ("application_name", "lock_timeout", "idle_in_transaction_session_timeout")
    with engine.connect() as connection:
        shown = [connection.scalar(select(func.current_setting(name))) for name in names]
    assert shown == ["agent-api", "2s", "30s"]


def test_a_level_is_set_before_the_first_statement_or_not_at_all(app: Application) -> None:
    says("transactions", "Later it changes nothing and says so in a warning", "放晚了不起作用，只给一个警告")
    serializable = {"isolation_level": "SERIALIZABLE"}
    with app.make() as session:
        session.connection(execution_options=serializable)
        assert _level(session) == "serializable"
    with app.make() as session:
        assert _level(session) == "read committed"
        with pytest.warns(SAWarning, match="Connection is already established"):
            session.connection(execution_options=serializable)
        assert _level(session) == "read committed"


def test_an_engine_with_another_level_shares_the_pool(app: Application) -> None:
    says("transactions", "# for some, over the same pool", "# 部分代码，同一个连接池")
    strict = app.engine.execution_options(isolation_level="SERIALIZABLE")
    with Session(strict) as session:
        assert _level(session) == "serializable"
    assert strict.pool is app.engine.pool


def _level(session: Session) -> Any:
    return session.scalar(text("SHOW transaction_isolation"))


def test_read_uncommitted_is_read_committed(app: Application) -> None:
    says("transactions", "here nobody reads what is not committed", "谁也读不到未提交的数据")
    weak = app.engine.execution_options(isolation_level="READ UNCOMMITTED")
    with Session(weak) as reader, app.make() as writer:
        writer.get_one(User, 1).name = "Augusta"
        writer.flush()
        assert reader.get_one(User, 1).name == "Ada"


def test_get_gives_none_and_get_one_raises(app: Application) -> None:
    says("basics", "None where there is none", "没有就是 None")
    with app.make() as session:
        assert session.get(Message, 999) is None
        with pytest.raises(NoResultFound):
            session.get_one(Message, 999)
        assert isinstance(session.scalars(select(Message)).first(), Message)
        assert isinstance(session.execute(select(Message)).first()[0], Message)  # type: ignore[index]


def test_a_conversation_deletes_its_messages_and_a_user_is_refused(app: Application) -> None:
    says("basics", "a conversation deletes its messages", "对话会连同消息一起删")
    says("basics", "the flush sets `user_id` of its conversations to NULL", "flush 就把它的对话的 `user_id` 设为 NULL")
    with app.make() as session:
        session.delete(session.get_one(Conversation, 1))
        session.flush()
        assert session.scalar(select(func.count()).select_from(Message)) == 38
    with app.make() as session:
        session.delete(session.get_one(User, 3))
        with pytest.raises(IntegrityError, match="user_id"):
            session.flush()


def test_merge_returns_the_sessions_own_object(app: Application) -> None:
    says("basics", "the one that you gave stays outside", "你给的那个仍在外面")
    with app.make() as session:
        given = User(id=1, email="ada@example.com", name="Augusta")
        merged = session.merge(given)
        assert merged is not given
        assert inspect(given).transient
        assert inspect(merged).persistent
        assert merged.name == "Augusta"


def test_sqlstate_stands_where_the_retry_looks_for_it(app: Application) -> None:
    says("transactions-practice", "with psycopg2 it is error.orig.pgcode", "用 psycopg2 则是 error.orig.pgcode")
    new = create_engine("postgresql+psycopg://", connect_args=dict(app.place.keywords), poolclass=NullPool)
    for engine, name in ((app.engine, "pgcode"), (new, "sqlstate")):
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = '5ms'"))
            with pytest.raises(OperationalError) as refused:
                connection.execute(text("SELECT pg_sleep(60)"))
        assert getattr(refused.value.orig, name) == "57014"


def test_first_asks_for_one_row_only_in_the_old_query(app: Application) -> None:
    says("snippets", "`query(…).first()` sends LIMIT 1", "`query(…).first()` 会发送 LIMIT 1")
    with app.make() as session:
        (old,) = app.sent_by(lambda: session.query(User).filter(User.name == "Ada").first())
        (new,) = app.sent_by(lambda: session.scalars(select(User).where(User.name == "Ada")).first())
    assert "LIMIT" in old
    assert "LIMIT" not in new
