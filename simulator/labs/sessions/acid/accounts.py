"""Two accounts to move credits between, and how they are told of."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Base
from simulator.labs.place import Place
from simulator.model import Row, Scalar

SOURCE, TARGET = 1, 2
AMOUNT = 100

_TABLE: Table = Base.metadata.tables["accounts"]
#: Read by a connection beside the application's.
ACCOUNTS = "SELECT owner, balance FROM accounts ORDER BY id"


def table() -> str:
    """CREATE TABLE accounts, as the application's class says it."""
    return str(CreateTable(_TABLE).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def setup() -> tuple[str, ...]:
    """For `open_place`: the table and two accounts; the ids count from 1 in this order."""
    return (table(), "INSERT INTO accounts (owner, balance) VALUES ('Alice', 250), ('Bob', 50)")


def balances(place: Place) -> dict[str, int]:
    """Balance of each owner on the committed state, by the run's observer."""
    return by_owner(place.ask(ACCOUNTS))


def by_owner(rows: tuple[Row, ...]) -> dict[str, int]:
    """Rows of ACCOUNTS as a mapping."""
    return {str(owner): int(str(balance)) for owner, balance in rows}


def before_and_after(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[tuple[Text, Scalar], ...]:
    """Both balances and their sum, before and after the run."""
    each = tuple(
        (Text.of(template, owner=owner), found[owner])
        for owner in before
        for template, found in ((N_("Balance of {owner} before"), before), (N_("Balance of {owner} after"), after))
    )
    sums = ((Text(N_("Sum before")), sum(before.values())), (Text(N_("Sum after")), sum(after.values())))
    return each + sums
