"""Servers to connect to: a real PostgreSQL behind TCP and passwords, and impostors that answer a fixed reply."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from simulator.engines.postgres.embedded.cluster import SUPERUSER, Cluster

#: every character that a URL gives a meaning to
PASSWORD = "s3cr3t:/?#[]%&=+ pass"
DATABASE = "shop"
ROLES = """
CREATE ROLE boss SUPERUSER LOGIN PASSWORD {password};
CREATE ROLE ada LOGIN PASSWORD {password};
CREATE ROLE reader LOGIN PASSWORD {password};
CREATE ROLE filer LOGIN PASSWORD {password} IN ROLE pg_write_server_files;
CREATE ROLE maker LOGIN CREATEROLE PASSWORD {password} IN ROLE pg_read_server_files;
CREATE ROLE crowd LOGIN CONNECTION LIMIT 0 PASSWORD {password};
CREATE ROLE few LOGIN CONNECTION LIMIT 8 PASSWORD {password};
CREATE ROLE absent NOLOGIN PASSWORD {password};
GRANT CREATE ON DATABASE shop TO ada, few;
GRANT CREATE ON DATABASE shop TO maker WITH GRANT OPTION;
"""


@dataclass(frozen=True)
class PasswordServer:
    """PostgreSQL on 127.0.0.1 with scram passwords; `admin` is a connection of its superuser by the socket."""

    port: int
    admin: psycopg.Connection
    data_dir: Path

    def url(self, role: str, *, password: str | None = PASSWORD, database: str = DATABASE, options: str = "") -> str:
        """A DATABASE_URL for this role."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{role}{secret}@127.0.0.1:{self.port}/{database}{options}"

    def roles(self) -> set[str]:
        """The names of the roles that were made for runs."""
        found = self.admin.execute(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 'txscope\_lab\_%'")
        return {name for (name,) in found}

    @contextmanager
    def first_hba_line(self, line: str) -> Iterator[None]:
        """Put one line before all others of pg_hba.conf for a while."""
        file = self.data_dir / "pg_hba.conf"
        before = file.read_text()
        file.write_text(f"{line}\n{before}")
        self._reload()
        try:
            yield
        finally:
            file.write_text(before)
            self._reload()

    def _reload(self) -> None:
        # The postmaster reads pg_hba.conf after the reply to this; a login that waits for it is not to be raced.
        before = self.admin.execute("SELECT pg_conf_load_time()").fetchone()
        self.admin.execute("SELECT pg_reload_conf()")
        while self.admin.execute("SELECT pg_conf_load_time()").fetchone() == before:
            pass


@contextmanager
def password_server(folder: Path) -> Iterator[PasswordServer]:
    """Start one in this folder, with the roles above and the database `shop`."""
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "max_connections": "40", "fsync": "off", "shared_buffers": "16MB"}
    settings["max_prepared_transactions"] = "4"
    cluster = Cluster(folder / "pg", settings, port)
    cluster.create()
    try:
        running = cluster.start()
        login = {"host": str(running.socket_dir), "port": port, "user": SUPERUSER, "dbname": "postgres"}
        with psycopg.connect(autocommit=True, **login) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}")
            admin.execute(ROLES.format(password=psycopg.sql.Literal(PASSWORD).as_string(None)))
            yield PasswordServer(port, admin, cluster.data_dir)
    finally:
        cluster.stop()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def impostor(reply: bytes, *, speaks_postgresql: bool = False) -> Iterator[int]:
    """A TCP server that answers whatever it is sent with `reply`, then hangs up; yields its port.

    One that `speaks_postgresql` declines TLS first, as a real server without it does. An empty reply is silence.
    """
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = self.request.recv(4096)
            while speaks_postgresql and len(asked) == 8:
                self.request.sendall(b"N")
                asked = self.request.recv(4096)
            self.request.sendall(reply)
            if reply:
                self.request.shutdown(socket.SHUT_WR)
                self.request.recv(4096)
            else:
                over.wait(30)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            over.set()
            server.shutdown()
            thread.join()


def fatal(sqlstate: str, message: str) -> bytes:
    """PostgreSQL's ErrorResponse to a login."""
    return _message(b"E", b"SFATAL\0VFATAL\0" + f"C{sqlstate}\0M{message}\0".encode() + b"\0")


def welcome(version: str) -> bytes:
    """All that a PostgreSQL of this version says to a login that it accepts."""
    told = {"server_version": version, "client_encoding": "UTF8", "standard_conforming_strings": "on"}
    parameters = b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in told.items())
    return _message(b"R", struct.pack("!i", 0)) + parameters + _message(b"Z", b"I")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
