"""The PostgreSQL that comes with Txscope: started by the first process that needs it, stopped by the last.

Every process holds a shared file lock while it uses the server. The kernel takes the lock from a process that was
killed, so nobody is waited for who is not there, and a server that was left running is found and used again.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from simulator.engines.postgres.embedded.cluster import MAJOR, SUPERUSER, Cluster
from simulator.engines.postgres.embedded.healing import Up, bring_up
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.engines.postgres.embedded.programs import VERSION
from simulator.engines.postgres.embedded.sharing import Membership, only_one
from simulator.engines.postgres.libpq import forget, neutral
from simulator.engines.postgres.settings import data_folder
from simulator.engines.postgres.statements import compose, statement
from simulator.errors import EngineBusy, EngineError, one_line
from simulator.i18n.text import NOTHING, Text

#: given to the server when it starts
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "700",
        "jit": "off",
        "log_checkpoints": "off",
        "cluster_name": "txscope",
        # Nothing here outlives its run. A killed server still recovers (the system keeps what was written);
        # without this every DROP SCHEMA waits for the disk, whatever synchronous_commit says.
        "fsync": "off",
        "full_page_writes": "off",
        # One process a connection and no others: what many visitors start together would take the machine.
        "max_worker_processes": "0",
        "max_parallel_workers": "0",
        "max_logical_replication_workers": "0",
        "max_wal_senders": "0",
        "io_method": "sync",
        "autovacuum": "off",
        "huge_pages": "off",
        # For all runs together; the room counts those of one run.
        "max_prepared_transactions": "100",
        # What one visitor can take from the others, of the disk and of the memory.
        "min_wal_size": "80MB",
        "max_wal_size": "128MB",
        "max_notify_queue_pages": "256",
        # Times the connections: 200,000 locks, which take 70 MB of shared memory.
        "max_locks_per_transaction": "290",
    }
)
#: of every privileged connection
ADMIN_OPTIONS = (
    "-c search_path=pg_catalog -c lock_timeout=2s -c statement_timeout=30s -c client_min_messages=warning"
    " -c client_connection_check_interval=200ms -c plan_cache_mode=force_generic_plan"
)
#: address space of each process of the server, a quarter of which is what all share: a backend that wants more gets
#: PostgreSQL's "out of memory", and the machine goes on
PROCESS_BYTES = 5 * 2**28
_STOP_SECONDS = 0.5


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`postgres-18` in the folder that TXSCOPE_DATA names, or in the user's data folder."""
    return data_folder(environ) / f"postgres-{MAJOR}"


class EmbeddedServer:
    """This process's share of the server on one data folder; `stop` gives it back, at the latest when Python ends."""

    def __init__(self, cluster: Cluster, membership: Membership, up: Up) -> None:
        self._cluster = cluster
        self._membership: Membership | None = membership
        self._up = up
        self._process = os.getpid()
        atexit.register(self._stop_at_exit)

    @classmethod
    def start(cls, data_dir: Path | None = None) -> EmbeddedServer:
        """Start the server on this folder, or join the one that runs there, and make it ready for tenants.

        A folder that a server cannot use any more is put aside and made anew: `notice` says so. Raises EngineError: not
        writable, disk full, a folder with other files, no user to run as.
        """
        forget()
        cluster = Cluster((data_dir or default_data_dir()).expanduser().resolve(), SETTINGS, memory_bytes=PROCESS_BYTES)
        with only_one(cluster.data_dir):
            membership = Membership(cluster.data_dir)
            try:
                return cls(cluster, membership, bring_up(cluster, _prepare, membership.is_last))
            except BaseException:
                with suppress(EngineError, OSError):
                    _leave(cluster, membership)
                raise

    @property
    def notice(self) -> Text:
        """A sentence for people, where the folder was made anew because it could not be used; else nothing."""
        if self._up.aside is None:
            return NOTHING
        return Text.of(
            "The folder {place} could not be used any more: it was put aside as {aside} and made anew. "
            "Nothing is lost, for nothing in it outlives a run.",
            place=self.data_dir,
            aside=self._up.aside.name,
        )

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
        return self._up.postmaster.pid

    def conninfo(self, role: str, database: str) -> str:
        """Log in as a tenant's role."""
        return _conninfo(self._up.postmaster, role, database)

    def admin_conninfo(self, database: str = "postgres") -> str:
        """Log in as the superuser: never for anything that a visitor typed, and no name comes from his schemas."""
        return _admin_conninfo(self._up.postmaster, database)

    def ensure(self) -> bool:
        """Start the server again where it is gone, killed for example; whether connections made before are void.

        Costs 0.1 ms while it runs. Many threads and processes may ask at once. Raises EngineError.
        """
        known = self._up
        if self._membership is None or known.postmaster.serves(self.data_dir):
            return False
        with only_one(self.data_dir):
            if self._membership is None:
                return False
            if self._up is known:
                # Whoever removed the folder may have removed its locks with it.
                gone, self._membership = self._membership, Membership(self.data_dir)
                gone.leave()
                up = bring_up(self._cluster, _prepare, self._membership.is_last)
                self._up = replace(up, aside=up.aside or known.aside)
        return True

    def stop(self) -> None:
        """Give up this share; the last one stops the server, in two seconds at most. May be called again.

        Raises EngineError.
        """
        if self._membership is None or self._process != os.getpid():
            return  # a forked child shares its parent's lock, and would take the server from it
        atexit.unregister(self._stop_at_exit)
        # Whoever starts or stops it for longer than that is its last user once this process has ended.
        with suppress(EngineBusy), only_one(self.data_dir, _STOP_SECONDS):
            membership, self._membership = self._membership, None
            if membership is not None:
                _leave(self._cluster, membership)

    def _stop_at_exit(self) -> None:
        with suppress(EngineError):
            self.stop()


def _leave(cluster: Cluster, membership: Membership) -> None:
    """Stop being one of the server's users; the last one stops it."""
    try:
        if membership.is_last():
            cluster.stop()
    finally:
        membership.leave()


def _conninfo(postmaster: Postmaster, role: str, database: str) -> str:
    # For both drivers; nothing is left to the environment.
    own = {"host": str(postmaster.socket_dir), "port": str(postmaster.port), "user": role, "dbname": database}
    return make_conninfo("", **{**neutral(), "connect_timeout": "10", **own})


def _admin_conninfo(postmaster: Postmaster, database: str) -> str:
    return make_conninfo(_conninfo(postmaster, SUPERUSER, database), options=ADMIN_OPTIONS)


def _prepare(postmaster: Postmaster) -> None:
    """Keep tenants out of the databases that are nobody's, also of a folder that is new; drop what is half-dropped."""
    try:
        # Where the catalogues of template1 are damaged, so are those that a database is made of.
        psycopg.connect(_admin_conninfo(postmaster, "template1")).close()
        with psycopg.connect(_admin_conninfo(postmaster, "postgres"), autocommit=True) as admin:
            admin.execute(statement("embedded_start"))
            for (name,) in admin.execute(statement("half_dropped")).fetchall():
                # Another process may be dropping it.
                with suppress(errors.InvalidCatalogName, errors.ObjectInUse, errors.LockNotAvailable):
                    admin.execute(compose("DROP DATABASE {name}", name=sql.Identifier(name)))
    except psycopg.Error as error:
        raise EngineError(
            Text.of("The embedded server does not answer as expected: {report}", report=one_line(error))
        ) from None
