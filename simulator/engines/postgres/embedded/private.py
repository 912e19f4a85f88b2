"""A PostgreSQL server of one's own: started for one run, in a temporary folder, and gone when the run ends.

The server that everybody uses may not be killed, lets nobody be its superuser, and without fsync would prove nothing.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil
import psycopg

from simulator.engines.postgres.embedded.cluster import SUPERUSER, Cluster
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.errors import EngineBusy, EngineError, one_line
from simulator.i18n.text import Text

#: for a server that may be killed: PostgreSQL's own defaults as far as durability goes; the rest keeps the server
#: small and other processes quiet
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "autovacuum": "off",
        # Nothing but a commit writes the WAL to disk during a run: else a commit that does not wait might have luck.
        "wal_writer_delay": "10s",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_connections": "20",
        "shared_buffers": "16MB",
        "max_wal_size": "32MB",
        "log_line_prefix": "",
        "log_checkpoints": "off",
        # In the data folder, where a killed server's is removed with everything else.
        "dynamic_shared_memory_type": "mmap",
    }
)
#: how long one run waits for another's server to be gone
_PATIENCE_SECONDS = 10.0
#: a recovery takes 0.1 s; a machine that has too much to do takes longer
_RECOVERY_SECONDS = 60.0
_POLL_SECONDS = 0.02


@dataclass(slots=True)
class PrivateServer:
    """The server; `private_server` makes it and takes it away."""

    cluster: Cluster
    postmaster: Postmaster
    #: bytes of the log that `words` has given already
    _told: int = 0

    @property
    def keywords(self) -> dict[str, str | int]:
        """For the driver's `connect`, psycopg2's and psycopg's."""
        return {
            "host": str(self.postmaster.socket_dir),
            "port": self.postmaster.port,
            "user": SUPERUSER,
            "dbname": "postgres",
            "options": "",
            "connect_timeout": 10,
        }

    def connect(self) -> psycopg.Connection:
        """A new connection in autocommit, as soon as the server takes one. Raises EngineError."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                return psycopg.connect(**self.keywords, autocommit=True)  # type: ignore[arg-type]
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EngineError(one_line(error)) from None
                time.sleep(_POLL_SECONDS)  # the server recovers

    def kill_backend(self, pid: int) -> None:
        """`kill -9` of one backend; returns when the server takes connections again. Raises EngineError.

        A backend that dies like this may have left the shared memory half-written, so the server ends all others and
        recovers from the WAL.
        """
        with self.connect() as witness:
            os.kill(pid, signal.SIGKILL)
            # Once the witness is told of the crash, nobody is let in before the recovery.
            if not select.select([witness.fileno()], [], [], _RECOVERY_SECONDS)[0]:
                raise EngineError(Text.of("The server did not notice that backend {pid} was killed.", pid=pid))
        self.connect().close()

    def kill_all(self) -> None:
        """`kill -9` of every process of the server at once, then a new start. Raises EngineError."""
        server = psutil.Process(self.postmaster.pid)
        # Stopped first, so that it cannot do anything about the others' end, which would be a shutdown of its kind.
        server.suspend()
        try:
            processes = server.children(recursive=True)
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        finally:
            server.kill()
        _wait(lambda: all(map(_is_gone, (server, *processes))))
        # Its parent may not have buried it yet; then its number looks alive to the next server, which does not start.
        for left_over in self.postmaster.socket_dir.glob(f".s.PGSQL.{self.postmaster.port}*"):
            left_over.unlink()
        self.postmaster = self.cluster.start()

    def words(self) -> tuple[str, ...]:
        """What the server has written into its log since the last call, without refusals of too early connections."""
        written = self.cluster.log.read_bytes()
        lines = written[self._told :].decode(errors="replace").splitlines()
        self._told = len(written)
        return tuple(line for line in lines if line.startswith("LOG:"))


@contextmanager
def private_server(settings: Mapping[str, str] = SETTINGS, purpose: str = "private") -> Iterator[PrivateServer]:
    """A fresh server; when the block ends, its processes and its folder are gone.

    One at a time on this machine for each purpose: another one waits. Raises EngineBusy, EngineError.
    """
    with _own_folder(purpose) as folder:
        cluster = Cluster(folder / "pg", settings)
        try:
            cluster.create()
            server = PrivateServer(cluster, cluster.start())
            yield server
        finally:
            _remove(cluster)


def _remove(cluster: Cluster) -> None:
    running = Postmaster.find(cluster.data_dir)
    try:
        cluster.stop()
    finally:
        if running is not None and running.ready and running.socket_dir != cluster.data_dir:
            shutil.rmtree(running.socket_dir, ignore_errors=True)
        shutil.rmtree(cluster.data_dir, ignore_errors=True)


@contextmanager
def _own_folder(purpose: str = "private") -> Iterator[Path]:
    """An empty folder that no other process or thread uses; what a killed process left in it is removed first."""
    folder = Path(tempfile.gettempdir()).resolve() / f"txscope-{purpose}-{os.geteuid()}"
    descriptor = _lock(folder)
    try:
        _remove(Cluster(folder / "pg", SETTINGS))
        yield folder
    finally:
        for left_over in folder.glob("pg*"):
            shutil.rmtree(left_over, ignore_errors=True)
        # The lock goes last: whoever waits may make a new one in this moment, and then the folder is theirs.
        (folder / "lock").unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        os.close(descriptor)


def _lock(folder: Path) -> int:
    """The descriptor that holds the folder's lock. Raises EngineBusy, EngineError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (descriptor := _try_lock(folder)) is None:
        if time.monotonic() > deadline:
            raise EngineBusy(Text.of("Another run has a server of its own just now. Try again in a few seconds."))
        time.sleep(_POLL_SECONDS)
    return descriptor


def _try_lock(folder: Path) -> int | None:
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EngineError(Text.of("{place} belongs to somebody else; remove it, or set TMPDIR.", place=folder))
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None  # its last user removed it just now
    except OSError as error:
        report = os.strerror(error.errno or 0)
        raise EngineError(Text.of("{place} cannot be used: {report}.", place=folder, report=report)) from None
    if _holds(descriptor, folder / "lock"):
        return descriptor
    os.close(descriptor)
    return None


def _holds(descriptor: int, file: Path) -> bool:
    """Whether this is now the lock of the file that everybody sees, and not of one that was removed meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise EngineError(Text.of("The killed server's processes do not end."))
        time.sleep(_POLL_SECONDS)


def _is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
