"""DATABASE_URL: which server, and one sentence where it cannot be used. No sentence ever holds the password."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from simulator.engines.postgres.failures import CONNECT_FAILURES, explain
from simulator.errors import EngineError
from simulator.i18n.text import Text

#: the oldest PostgreSQL that has what runs need (pg_locks.waitstart, client_connection_check_interval)
OLDEST = 14
#: the newest that the tests ran on
NEWEST = 18
CONNECT_SECONDS = 5
_DRIVERS = frozenset({"postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"})
_OTHER_DATABASES = frozenset({"mysql", "mariadb", "sqlite", "oracle", "mssql", "cockroachdb", "duckdb", "mongodb"})
_LONGEST = 4096
_SECRETS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and who logs in. `repr` and `str` do not show the password."""

    url: URL = field(repr=False)

    @property
    def host(self) -> str | Text:
        """Host names, addresses or a socket's folder, as libpq takes them."""
        return self._host() or Text.of("the local socket")

    @property
    def port(self) -> str:
        """The port; several are separated by commas, as hosts are."""
        return str(self._parameters().get("port") or _default("port"))

    @property
    def database(self) -> str:
        """The database's name."""
        return str(self.url.database)

    @property
    def user(self) -> str:
        """The role that logs in: where the URL names none, libpq's choice."""
        return str(self._parameters().get("user") or _default("user"))

    @property
    def place(self) -> Text:
        """`db.example.org:5432/shop as ada`."""
        host = Text.verbatim(f"[{self.host}]") if ":" in self._host() else self.host
        server = Text("{host}:{port}/{database}").given(host=host, port=self.port, database=self.database)
        return Text.of("{server} as {role}", server=server, role=self.user)

    @property
    def conninfo(self) -> str:
        """For libpq, password included."""
        return make_conninfo("", **self._parameters())

    def login(self, user: str, password: str) -> Address:
        """The same place for another role."""
        return Address(self.url.set(username=user, password=password))

    def explain(self, error: psycopg.Error) -> EngineError:
        """One sentence for a connection that failed: what, where, and how to go on."""
        report = explain(
            CONNECT_FAILURES,
            self._without_secrets(str(error)),
            place=self.place,
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            seconds=self._parameters().get("connect_timeout", CONNECT_SECONDS),
        )
        return refusal(report)

    def connect(self) -> psycopg.Connection:
        """A connection in autocommit mode. Raises EngineError."""
        try:
            return psycopg.connect(self.conninfo, autocommit=True)
        except psycopg.Error as error:
            raise self.explain(error) from None

    def _host(self) -> str:
        return str(self._parameters().get("host") or _default("host"))

    def _parameters(self) -> dict[str, str]:
        dialect = self.url.get_dialect()()
        return {"connect_timeout": str(CONNECT_SECONDS), **dialect.create_connect_args(self.url)[1]}

    def _without_secrets(self, text: str) -> str:
        for name in _SECRETS:
            if secret := self._parameters().get(name):
                text = text.replace(secret, "•••")
        return text


def refusal(problem: Text) -> EngineError:
    """The error for a server that cannot be used: `problem` is the first half of a sentence."""
    sentence = Text.of("{problem}; unset DATABASE_URL to use the embedded server.", problem=problem)
    return EngineError(sentence.capitalised())


def parse(url: str) -> Address:
    """Read DATABASE_URL. Raises EngineError, which says what is wrong and repeats nothing that may be a password."""
    _check_text(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise refusal(
            Text.of("DATABASE_URL cannot be read; it should look like postgresql://user:password@host:5432/database")
        ) from None
    _check_scheme(parsed.drivername)
    address = Address(_normal(parsed))
    _check_parts(address)
    return address


def _check_text(url: str) -> None:
    if not url.strip():
        raise refusal(Text.of("DATABASE_URL is empty"))
    if len(url) > _LONGEST:
        raise refusal(Text.of("DATABASE_URL has more than {limit} characters", limit=_LONGEST))
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in unquote(url, errors="surrogateescape")):
        raise refusal(Text.of("DATABASE_URL has control characters or broken text in it"))
    if url.count("@") > 1:
        # Which of them ends the password is a guess, and a wrong one would show half of it as the host.
        raise refusal(Text.of("DATABASE_URL has more than one @; write %40 for each in the user name or password"))


def _check_scheme(scheme: str) -> None:
    if scheme in _DRIVERS:
        return
    backend = scheme.partition("+")[0]
    if backend in _OTHER_DATABASES:
        raise refusal(Text.of("DATABASE_URL names a {backend} database, not PostgreSQL", backend=backend))
    raise refusal(Text.of("DATABASE_URL has to start with postgresql://"))


def _normal(url: URL) -> URL:
    """As SQLAlchemy and libpq both read it: libpq also takes a password as an option and a folder as the host."""
    query = dict(url.query)
    for option, part in (("password", "password"), ("dbname", "database"), ("user", "username")):
        if isinstance(query.get(option), str):
            changed: dict[str, Any] = {part: query.pop(option)}
            url = url.set(**changed)
    if url.host and url.host.lower().startswith("%2f"):
        url = url.set(host=unquote(url.host))
    return url.set(drivername="postgresql+psycopg", query=query)


def _check_parts(address: Address) -> None:
    if not address.url.database:
        raise refusal(Text.of("DATABASE_URL names no database; add /name at its end"))
    if address.url.port is not None and not 0 < address.url.port < 65536:
        raise refusal(Text.of("The port in DATABASE_URL is not between 1 and 65535"))
    try:
        pq.Conninfo.parse(address.conninfo.encode())
        repeated = any(isinstance(value, tuple) for name, value in address.url.query.items() if name != "host")
    except (ArgumentError, psycopg.Error, TypeError, ValueError):
        repeated = True
    if repeated:
        raise refusal(Text.of("DATABASE_URL has an option after the ? that PostgreSQL does not know, or has it twice"))


def _default(name: str) -> str:
    """What libpq takes where nothing is said: from the environment or built in."""
    for option in pq.Conninfo.get_defaults():
        if option.keyword == name.encode() and option.val is not None:
            return option.val.decode(errors="replace")
    return ""
