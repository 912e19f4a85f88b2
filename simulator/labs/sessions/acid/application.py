"""What the application does in the ACID runs. The source of these functions is shown on the page."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from sqlalchemy import text, update
from sqlalchemy.orm import Session, sessionmaker

from simulator.labs.backend.models import Account


def transfer(SessionLocal: sessionmaker[Session], source: int, target: int, amount: int) -> None:
    # begin() commits at the end of the block: both UPDATEs, or neither.
    with SessionLocal.begin() as session:
        session.execute(update(Account).where(Account.id == source).values(balance=Account.balance - amount))
        session.execute(update(Account).where(Account.id == target).values(balance=Account.balance + amount))


def transfer_in_two(SessionLocal: sessionmaker[Session], source: int, target: int, amount: int) -> None:
    # Two transactions: whatever happens between them leaves half a transfer.
    with SessionLocal.begin() as session:
        session.execute(update(Account).where(Account.id == source).values(balance=Account.balance - amount))
    with SessionLocal.begin() as session:
        session.execute(update(Account).where(Account.id == target).values(balance=Account.balance + amount))


def credit_then_debit(SessionLocal: sessionmaker[Session], source: int, target: int, amount: int) -> None:
    with SessionLocal.begin() as session:
        session.execute(update(Account).where(Account.id == target).values(balance=Account.balance + amount))
        # CHECK (balance >= 0) refuses to overdraw: IntegrityError, and the credit above is undone as well.
        session.execute(update(Account).where(Account.id == source).values(balance=Account.balance - amount))


def open_account(SessionLocal: sessionmaker[Session], owner: str, balance: int) -> None:
    with SessionLocal.begin() as session:
        session.add(Account(owner=owner, balance=balance))
    # The commit has returned: the row's WAL is on disk, whatever happens to the server now.


def open_account_in_a_hurry(SessionLocal: sessionmaker[Session], owner: str, balance: int) -> None:
    with SessionLocal.begin() as session:
        # The commit returns before its WAL is on disk.
        session.execute(text("SET LOCAL synchronous_commit = off"))
        session.add(Account(owner=owner, balance=balance))
