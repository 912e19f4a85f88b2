"""What the texts claim of PostgreSQL and its drivers; `tests/claims.py` says which sentence each of these proves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.labs.backend.models import Account, Message
from simulator.labs.backend.setup import setup
from simulator.labs.place import Place, open_place


@pytest.fixture(scope="module")
def place(engine: Engine) -> Iterator[Place]:
    with open_place(engine, setup()[:2], 6) as place:
        yield place


@pytest.fixture
def session_local(place: Place) -> sessionmaker[Session]:
    return sessionmaker(place.create_engine())


def _locked(session: Session, how: str) -> int:
    account = session.get_one(Account, 1)
    with Session(session.get_bind()) as other:
        other.get_one(Account, 1).balance = 900
        other.commit()
    if how == "refresh":
        session.refresh(account, with_for_update=True)
    elif how == "get":
        account = session.get_one(Account, 1, with_for_update=True)
    else:
        again = select(Account).where(Account.id == 1).with_for_update()
        account = session.scalars(again.execution_options(populate_existing=how == "populate_existing")).one()
    return account.balance


@pytest.mark.parametrize(
    ("how", "balance"), [("select", 1000), ("get", 1000), ("populate_existing", 900), ("refresh", 900)]
)
def test_only_populate_existing_and_refresh_read_a_locked_row_anew(
    session_local: sessionmaker[Session], how: str, balance: int
) -> None:
    with session_local() as session:
        seen = _locked(session, how)
        # The row is locked either way, and says 900.
        assert session.scalar(select(Account.balance).where(Account.id == 1)) == 900
        session.rollback()
    with session_local.begin() as session:
        session.get_one(Account, 1).balance = 1000
    assert seen == balance


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_commit_after_an_error_rolls_back_and_raises_nothing(place: Place, driver: str) -> None:
    own = place.create_engine() if driver == "psycopg2" else place.create_async_engine().sync_engine
    connection: Any
    if driver == "psycopg2":
        connection = own.raw_connection().driver_connection
    else:
        connection = place.connect("psycopg")
        connection.autocommit = False
    cursor = connection.cursor()
    cursor.execute("INSERT INTO accounts (owner, balance) VALUES ('Nobody', 0)")
    with pytest.raises(Exception, match="accounts_balance_check"):
        cursor.execute("UPDATE accounts SET balance = -1 WHERE owner = 'Nobody'")
    connection.commit()
    cursor.execute("SELECT count(*) FROM accounts WHERE owner = 'Nobody'")
    assert cursor.fetchone() == (0,)
    connection.rollback()
    connection.close()


def test_on_conflict_do_nothing_skips_duplicates_and_nothing_else(session_local: sessionmaker[Session]) -> None:
    with session_local() as session:
        doubled = insert(Account).values(id=1, owner="Double", balance=0).on_conflict_do_nothing()
        assert session.execute(doubled).rowcount == 0  # type: ignore[attr-defined]
        refused = insert(Message).values(conversation_id=1, role="robot", content="imported").on_conflict_do_nothing()
        with pytest.raises(IntegrityError, match="role"):
            session.execute(refused)
        session.rollback()


def test_set_local_ends_with_its_transaction(session_local: sessionmaker[Session]) -> None:
    with session_local() as session:
        session.execute(text("SET LOCAL app.tenant = 'one'"))
        session.execute(text("SELECT set_config('app.other', 'one', true)"))
        session.commit()
        found = "SELECT current_setting('app.tenant', true), current_setting('app.other', true)"
        assert tuple(session.execute(text(found)).one()) == ("", "")
