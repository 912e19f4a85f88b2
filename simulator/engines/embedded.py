"""The PostgreSQL that comes with Txscope: started by the first process that needs it, stopped by the last.

Every process holds a shared file lock while it uses the server. The kernel takes the lock from a process that was
killed, so nobody is waited for who is not there, and a server that was left running is found and used again.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import psycopg
from platformdirs import user_data_path
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from simulator.engines.cluster import MAJOR, SUPERUSER, VERSION, Cluster
from simulator.engines.failures import CLUSTER_FAILURES, explain
from simulator.engines.postmaster import Postmaster
from simulator.engines.statements import statement
from simulator.errors import EngineError
from simulator.i18n import gettext as _

DATABASE = "txscope"
LAB_ROLE = "txscope_lab"
#: given to the server when it starts
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "300",
        "jit": "off",
        "log_checkpoints": "off",
        "cluster_name": "txscope",
        # Nothing here outlives its run. A killed server still recovers (the system keeps what was written);
        # without this every DROP SCHEMA waits for the disk, whatever synchronous_commit says.
        "fsync": "off",
        "full_page_writes": "off",
    }
)
#: what only a superuser may set for the role, and schedules rely on
ROLE_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "deadlock_timeout": "1ms",
        "log_lock_waits": "on",
        "log_min_messages": "panic",
        "lc_messages": "C",
        "synchronous_commit": "off",
    }
)
_PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.02


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`postgres-18` in the folder that TXSCOPE_DATA names, or in the user's data folder."""
    parent = environ.get("TXSCOPE_DATA") or user_data_path("txscope", appauthor=False)
    return Path(parent) / f"postgres-{MAJOR}"


class EmbeddedServer:
    """This process's share of the server on one data folder; `stop` gives it back, at the latest when Python ends."""

    def __init__(self, cluster: Cluster, membership: int, postmaster: Postmaster) -> None:
        self._cluster = cluster
        self._membership: int | None = membership
        self._postmaster = postmaster
        self._process = os.getpid()
        atexit.register(self._stop_at_exit)

    @classmethod
    def start(cls, data_dir: Path | None = None) -> EmbeddedServer:
        """Start the server on this folder, or join the one that runs there, and make it ready for schedules.

        Raises EngineError: not writable, disk full, another version's folder, no user to run as.
        """
        cluster = Cluster((data_dir or default_data_dir()).expanduser().resolve(), SETTINGS)
        with _only_one(cluster.data_dir):
            membership = _join(cluster.data_dir)
            try:
                cluster.create()
                postmaster = cluster.start()
                _prepare(postmaster)
            except BaseException:
                with suppress(EngineError, OSError):
                    _leave(cluster, membership)
                raise
            return cls(cluster, membership, postmaster)

    @property
    def data_dir(self) -> Path:
        """Where the server keeps its files."""
        return self._cluster.data_dir

    @property
    def version(self) -> str:
        """PostgreSQL's version, as `18.6`."""
        return ".".join(VERSION.split(".")[:2])

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._postmaster.pid

    def lab_conninfo(self) -> str:
        """Log in as the plain role that schedules run as."""
        return _conninfo(self._postmaster, LAB_ROLE, DATABASE)

    def admin_conninfo(self) -> str:
        """Log in as the superuser: never for anything that a visitor typed."""
        return _conninfo(self._postmaster, SUPERUSER, DATABASE)

    def lab_url(self, driver: str = "psycopg2") -> URL:
        """The plain role's URL for SQLAlchemy; `driver` is psycopg or psycopg2."""
        return URL.create(
            f"postgresql+{driver}",
            username=LAB_ROLE,
            database=DATABASE,
            query={"host": str(self._postmaster.socket_dir), "port": str(self._postmaster.port)},
        )

    def stop(self) -> None:
        """Give up this share; the last one stops the server. May be called again. Raises EngineError."""
        if self._membership is None or self._process != os.getpid():
            return  # a forked child shares its parent's lock, and would take the server from it
        atexit.unregister(self._stop_at_exit)
        with _only_one(self.data_dir):
            membership, self._membership = self._membership, None
            if membership is not None:
                _leave(self._cluster, membership)

    def _stop_at_exit(self) -> None:
        with suppress(EngineError):
            self.stop()


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Keep every other process from starting or stopping this folder's server meanwhile. Raises EngineError."""
    descriptor = _open(data_dir, "lock")
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _locked(descriptor, fcntl.LOCK_EX, data_dir):
            if time.monotonic() > deadline:
                raise EngineError(
                    _("Another process has been starting or stopping the server in {place} for {seconds} s.").format(
                        place=data_dir, seconds=int(_PATIENCE_SECONDS)
                    )
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _join(data_dir: Path) -> int:
    """Become one of the server's users: the descriptor that holds the shared lock."""
    descriptor = _open(data_dir, "users")
    try:
        _locked(descriptor, fcntl.LOCK_SH, data_dir)
    except EngineError:
        os.close(descriptor)
        raise
    return descriptor


def _leave(cluster: Cluster, membership: int) -> None:
    """Stop being one of the server's users; the last one stops it."""
    try:
        if _locked(membership, fcntl.LOCK_EX, cluster.data_dir):
            cluster.stop()
    finally:
        os.close(membership)


def _open(data_dir: Path, purpose: str) -> int:
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir.with_name(f"{data_dir.name}.{purpose}"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EngineError(explain(CLUSTER_FAILURES, os.strerror(error.errno or 0), place=data_dir)) from None


def _locked(descriptor: int, kind: int, data_dir: Path) -> bool:
    """Take the file lock if nobody stands against it. Raises EngineError where the disk has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
            return False
        raise EngineError(
            _("The disk of {place} cannot lock files; set TXSCOPE_DATA to a folder on a local disk.").format(
                place=data_dir
            )
        ) from None
    return True


def _conninfo(postmaster: Postmaster, role: str, database: str) -> str:
    # `options` is named so that PGOPTIONS, meant for another server, does not count.
    return make_conninfo(
        host=str(postmaster.socket_dir),
        port=postmaster.port,
        user=role,
        dbname=database,
        options="",
        connect_timeout=10,
    )


def _prepare(postmaster: Postmaster) -> None:
    """Database, role and the role's settings; then a login as that role looks whether they are in force."""
    try:
        with psycopg.connect(_conninfo(postmaster, SUPERUSER, "postgres"), autocommit=True) as admin:
            admin.execute(statement("embedded_role"))
            if admin.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                admin.execute(f"CREATE DATABASE {DATABASE}")
            admin.execute(statement("embedded_database"))
        with psycopg.connect(_conninfo(postmaster, SUPERUSER, DATABASE), autocommit=True) as admin:
            admin.execute(statement("embedded_inspection"))
        with psycopg.connect(_conninfo(postmaster, LAB_ROLE, DATABASE)) as lab:
            for name, wanted in ROLE_SETTINGS.items():
                row = lab.execute("SELECT current_setting(%s)", (name,)).fetchone()
                if row != (wanted,):
                    raise EngineError(_("The server did not take the setting {name}.").format(name=name))
    except psycopg.Error as error:
        raise EngineError(
            _("The embedded server does not answer as expected: {report}").format(report=" ".join(str(error).split()))
        ) from None
