"""What the texts of mistakes, kinds, cells and settings claim of the installed libraries, shown on SQLite in memory.

`tests/claims.py` says which sentence each of these proves.
"""

from __future__ import annotations

import gc
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from packaging.version import Version
from pydantic import BaseModel, field_validator
from sqlalchemy import Engine, ForeignKey, create_engine, event, select, text, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    raiseload,
    relationship,
    scoped_session,
    sessionmaker,
)
from sqlalchemy.pool import QueuePool

from simulator.i18n.catalogues import LANGUAGES
from simulator.labs.versions import CHANGES, LIBRARIES, installed
from tests.claims import PROOFS, SIGNED, Said, sayings, signature


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]
    entries: Mapped[list[Entry]] = relationship()


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(
        f"sqlite:///{tmp_path / 'claims.db'}", poolclass=QueuePool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add_all([Account(id=1, balance=1000, entries=[Entry(), Entry()]), Account(id=2, balance=1000)])
        session.commit()
    yield made
    made.dispose()


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """What is sent meanwhile."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, sql: str, parameters: Any, *_more: object) -> None:
        sent.append((sql, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def out(engine: Engine) -> int:
    """Connections that the pool has not got back."""
    pool: Any = engine.pool
    return int(pool.checkedout())


def test_a_pass_over_the_young_frees_a_forgotten_session(engine: Engine) -> None:
    gc.collect()
    gc.disable()
    try:
        session = Session(engine)
        session.scalars(select(Account.id)).all()
        del session
        assert out(engine) == 1, "its circle of references keeps it"
        gc.collect(0)
        assert out(engine) == 0
    finally:
        gc.enable()


def test_remove_in_another_thread_removes_nothing(engine: Engine) -> None:
    scoped = scoped_session(sessionmaker(engine))
    scoped.add(Account(id=3, balance=1))
    other = threading.Thread(target=scoped.remove)
    other.start()
    other.join()
    assert scoped.registry.has()
    assert len(scoped.new) == 1
    scoped.remove()
    assert len(scoped.new) == 0


def test_joinedload_sends_one_statement_and_raiseload_raises(engine: Engine) -> None:
    with Session(engine) as session, statements(engine) as sent:
        accounts = session.scalars(select(Account).options(joinedload(Account.entries))).unique().all()
        assert [len(account.entries) for account in accounts] == [2, 0]
        assert len(sent) == 1
    with Session(engine) as session:
        account = session.scalars(select(Account).options(raiseload(Account.entries))).first()
        assert account is not None
        with pytest.raises(InvalidRequestError):
            _ = account.entries


def test_a_flush_sorts_its_updates_by_primary_key_and_your_own_statements_are_not_sorted(engine: Engine) -> None:
    with Session(engine) as session, statements(engine) as sent:
        # Loaded before either is changed: a query in between would flush what is changed by then.
        for account in [session.get_one(Account, number) for number in (2, 1)]:
            account.balance -= 10
        session.flush()
        assert _updated(sent) == [1, 2]
        sent.clear()
        for number in (2, 1):
            session.execute(update(Account).where(Account.id == number).values(balance=0))
        assert _updated(sent) == [2, 1]


def _updated(sent: list[tuple[str, Any]]) -> list[int]:
    """Ids in the order in which the UPDATEs were sent, one by one or many at once."""
    sets = (many if isinstance(many, list) else [many] for sql, many in sent if sql.startswith("UPDATE"))
    return [parameters[-1] for many in sets for parameters in many]


def test_an_expression_is_computed_by_the_update(engine: Engine) -> None:
    with Session(engine) as session, statements(engine) as sent:
        account = session.get_one(Account, 1)
        session.execute(text("UPDATE account SET balance = 900 WHERE id = 1"))
        account.balance = Account.balance - 10
        session.commit()
        assert "account.balance - ?" in sent[-1][0]
        assert session.get_one(Account, 1).balance == 890


def test_what_was_read_before_the_commit_needs_no_statement_after_it(engine: Engine) -> None:
    with Session(engine) as session, statements(engine) as sent:
        account = Account(id=7, balance=1)
        session.add(account)
        session.flush()
        number = account.id
        session.commit()
        before = len(sent)
        assert (number, len(sent)) == (7, before)
        assert account.balance == 1
        assert len(sent) == before + 1, "and an attribute is one SELECT"


def test_a_commit_gives_the_connection_back(engine: Engine) -> None:
    with Session(engine) as session:
        session.scalars(select(Account.id)).all()
        assert out(engine) == 1
        session.commit()
        assert out(engine) == 0


@pytest.mark.parametrize(
    "then",
    [
        lambda _session, account: account.id,
        lambda session, _account: session.execute(select(Account.id)),
        lambda session, _account: session.add(Account(balance=1)),
        lambda session, _account: session.commit(),
    ],
)
def test_behind_a_commit_the_block_of_begin_refuses(engine: Engine, then: Callable[[Session, Account], object]) -> None:
    with Session(engine) as session, session.begin():
        account = Account(balance=1)
        session.add(account)
        session.commit()
        with pytest.raises(InvalidRequestError, match="closed transaction"):
            then(session, account)


def test_no_statement_asks_again_for_an_object_that_the_session_has(engine: Engine) -> None:
    with Session(engine) as session:
        account = session.get_one(Account, 1)
        with statements(engine) as sent:
            assert session.get(Account, 1) is account
        assert sent == []


def _streaming(engine: Engine, *, early: bool) -> list[int]:
    """Connections that are out while each line is sent, with `Depends(get_db)` of the default scope."""
    app, seen = FastAPI(), []

    def get_db() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    @app.get("/export")
    def export(session: Session = Depends(get_db)) -> StreamingResponse:  # noqa: B008 (as applications have it)
        found = session.scalars(select(Account.id))
        numbers = list(found) if early else found
        if early:
            session.rollback()

        def lines() -> Iterator[str]:
            for number in numbers:
                seen.append(out(engine))
                yield f"{number}\n"

        return StreamingResponse(lines())

    assert TestClient(app).get("/export").text == "1\n2\n"
    return seen


def test_a_stream_holds_its_connection_until_the_last_byte(engine: Engine) -> None:
    assert _streaming(engine, early=False) == [1, 1]
    assert out(engine) == 0


def test_what_was_read_before_the_first_byte_needs_no_connection(engine: Engine) -> None:
    assert _streaming(engine, early=True) == [0, 0]


def test_a_def_endpoint_and_the_validation_of_its_response_run_in_threads() -> None:
    app, threads = FastAPI(), {}

    class Answer(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def validated(cls, number: int) -> int:
            threads["validation"] = threading.current_thread().name
            return number

    @app.get("/loop", response_model=Answer)
    async def loop() -> dict[str, int]:
        threads["loop"] = threading.current_thread().name
        return {"number": 1}

    @app.get("/plain", response_model=Answer)
    def plain() -> dict[str, int]:
        threads["plain"] = threading.current_thread().name
        return {"number": 1}

    with TestClient(app) as client:
        client.get("/loop")
        assert threads["validation"] == threads["loop"], "of async def it runs in the loop"
        client.get("/plain")
    assert "AnyIO worker thread" in threads["plain"]
    assert "AnyIO worker thread" in threads["validation"]


def test_the_installed_fastapi_has_what_the_texts_say_since_these_versions() -> None:
    parameters = inspect.signature(Depends).parameters
    assert {"scope", "max_concurrency"} <= set(parameters)
    versions = dict(installed())
    assert set(versions) == {name for _distribution, name in LIBRARIES}
    for each in CHANGES:
        assert Version(versions[each.library]) >= Version(each.since)


@pytest.mark.parametrize("said", sayings(), ids=lambda said: said.key)
def test_every_sentence_is_tied_to_its_proof_in_every_language(said: Said) -> None:
    """Whoever changes a sentence, in any language, reads its proofs again and signs it anew in tests/claims.py."""
    signed, *proofs = SIGNED.get(said.key, ("", ""))
    assert signed == signature(said, LANGUAGES), f"{said.key}: signature {signature(said, LANGUAGES)}"
    assert len(proofs) == len(said.sentences), said.sentences
    assert set(proofs) <= set(PROOFS)


def test_every_proof_is_a_test_that_exists() -> None:
    for node in PROOFS.values():
        path, _, name = node.partition("::")
        assert f"def {name}(" in (Path(__file__).parents[1] / path).read_text(), node
