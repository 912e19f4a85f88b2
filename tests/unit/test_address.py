"""DATABASE_URL as people write it, and as they should not."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from simulator.engines.postgres.address import parse
from simulator.errors import EngineError

SECRET = "Tr0ub4dor"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_each_scheme_means_the_same_place(scheme: str) -> None:
    address = parse(f"{scheme}://ada:{SECRET}@db.example.org:6432/shop?sslmode=require")
    assert str(address.place) == "db.example.org:6432/shop as ada"
    assert conninfo_to_dict(address.conninfo) == {
        "host": "db.example.org",
        "port": "6432",
        "user": "ada",
        "password": SECRET,
        "dbname": "shop",
        "sslmode": "require",
        "connect_timeout": "5",
    }


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ada@[::1]:5433/shop", "[::1]:5433/shop as ada"),
        ("postgresql://ada@%2Fvar%2Frun%2Fpg/shop", "/var/run/pg:5432/shop as ada"),
        ("postgresql:///shop?host=/tmp/pg&user=ada", "/tmp/pg:5432/shop as ada"),
        ("postgresql://ada@/shop?host=one:5432&host=two:5433", "one,two:5432,5433/shop as ada"),
        ("postgresql://db?dbname=shop&user=ada", "db:5432/shop as ada"),
        ("postgresql://ada@db/my%20shop", "db:5432/my shop as ada"),
    ],
)
def test_places(url: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    assert str(parse(url).place) == place


def test_what_is_not_said_is_what_libpq_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "pg.example.org", "PGPORT": "7777", "PGUSER": "grace"}.items():
        monkeypatch.setenv(name, value)
    assert str(parse("postgresql:///shop").place) == "pg.example.org:7777/shop as grace"


def test_the_password_is_not_shown() -> None:
    for url in (f"postgresql://ada:{SECRET}@db/shop", f"postgresql://ada@db/shop?password={SECRET}"):
        address = parse(url)
        assert SECRET in address.conninfo
        assert SECRET not in f"{address!r} {address} {address.place} {address.url!r}"


BAD = {
    "": "is empty",
    "  \n": "is empty",
    "nonsense": "cannot be read",
    "postgresql:": "cannot be read",
    f"{SECRET}": "cannot be read",
    f"mysql://ada:{SECRET}@db/shop": "names a mysql database",
    f"mysql+pymysql://ada:{SECRET}@db/shop": "names a mysql database",
    "sqlite:///shop.db": "names a sqlite database",
    f"{SECRET}://ada@db/shop": "has to start with postgresql://",
    f"postgresql+asyncpg://ada:{SECRET}@db/shop": "has to start with postgresql://",
    f"http://ada:{SECRET}@db/shop": "has to start with postgresql://",
    f"postgresql://ada:{SECRET}@db": "names no database",
    f"postgresql://ada:{SECRET}@db/": "names no database",
    f"postgresql://ada:{SECRET}/shop": "cannot be read",
    f"postgresql://ada:{SECRET}@db:0/shop": "not between 1 and 65535",
    f"postgresql://ada:{SECRET}@db:70000/shop": "not between 1 and 65535",
    f"postgresql://ada:{SECRET}@db:port/shop": "cannot be read",
    f"postgresql://ada:x@{SECRET}@db/shop": "more than one @",
    f"postgresql://ada:{SECRET}@db/shop?colour={SECRET}": "has an option",
    f"postgresql://ada:{SECRET}@db/shop?dbname=a&dbname=b": "has an option",
    f"postgresql://ada:{SECRET}@db/shop\n": "control characters",
    f"postgresql://ada:{SECRET}%00@db/shop": "control characters",
    f"postgresql://ada:{SECRET}@db/sh\x1b[31mop": "control characters",
    f"postgresql://ada:{SECRET}@db/shop\udcff": "control characters",
    f"postgresql://ada:{SECRET}@db/" + "shop" * 25_000: "more than 4096 characters",
}


@pytest.mark.parametrize(("url", "problem"), BAD.items(), ids=range(len(BAD)))
def test_bad_addresses_are_refused_in_one_sentence_without_the_password(url: str, problem: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse(url)
    sentence = str(caught.value)
    assert problem in sentence
    assert sentence.endswith("; unset DATABASE_URL to use the embedded server.")
    assert SECRET not in sentence
    assert sentence.isprintable()
    assert len(sentence) < 300
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
