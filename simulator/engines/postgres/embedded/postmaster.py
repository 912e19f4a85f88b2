"""What a data folder's postmaster.pid says, whether it is still true, and which processes work on the folder."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

#: between two looks at what starts or ends
POLL_SECONDS = 0.02
#: no process has this number, on any system
_NOBODY = 2**31 - 1
#: lines of a complete file: pid, folder, start time, port, socket's folder, address, shared memory, status
_LINES = 8


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A running server. Until it is `ready`, nothing but `pid` is certain."""

    pid: int
    port: int
    socket_dir: Path
    ready: bool

    @classmethod
    def find(cls, data_dir: Path) -> Postmaster | None:
        """The server that runs on this folder, if one does. What a dead one left is put out of the way.

        Raises OSError where the folder cannot be read.
        """
        file = data_dir / "postmaster.pid"
        try:
            lines = [line.strip() for line in file.read_text(errors="replace").splitlines()]
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        pid = _number(lines[0]) if lines else 0
        if not _is_server(pid, data_dir):
            _put_away(file, lines, pid)
            return None
        if len(lines) < _LINES:
            return cls(pid, 0, data_dir, ready=False)
        return cls(pid, _number(lines[3]), Path(lines[4]), ready=lines[7] == "ready")

    def serves(self, data_dir: Path) -> bool:
        """Whether it still runs on this folder, and its socket is there: some 0.1 ms."""
        return self.has_socket() and _is_server(self.pid, data_dir)

    def has_socket(self) -> bool:
        """Whether there is a socket to connect to: what cleans /tmp may have taken it away."""
        return (self.socket_dir / f".s.PGSQL.{self.port}").exists()


def workers(data_dir: Path) -> list[psutil.Process]:
    """Every process of a server on this folder, also one that outlived its server or whose folder was removed.

    PostgreSQL changes into its folder when it starts, so that is where they are.
    """
    places = {str(data_dir), f"{data_dir} (deleted)"}
    found = []
    for process in psutil.process_iter(["name"]):
        if not (process.info["name"] or "").startswith("postgres"):
            continue
        with suppress(psutil.Error, OSError):
            if process.cwd() in places:
                found.append(process)
    return found


def end(processes: list[psutil.Process], seconds: float) -> bool:
    """Kill them, stopped ones too; whether all are gone within that time."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + seconds
    while not all(map(_is_buried, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_buried(process: psutil.Process) -> bool:
    # Whose parent buries nobody stays as a zombie, which does nothing any more.
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _number(text: str) -> int:
    with suppress(ValueError):
        return int(text)
    return 0


def _is_server(pid: int, data_dir: Path) -> bool:
    """Whether this process is a server on this folder: after a reboot another program may have its number."""
    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith("postgres"):
            return False
        return _works_on(process.cmdline(), data_dir)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _works_on(command: list[str], data_dir: Path) -> bool:
    folder = Path(command[command.index("-D") + 1]) if "-D" in command[:-1] else data_dir
    return folder.exists() and folder.samefile(data_dir)


def _put_away(file: Path, lines: list[str], pid: int) -> None:
    """Let the next server start although a dead one left its file, and another process may have its number.

    The line about shared memory stays: PostgreSQL looks there for backends that outlived their server.
    """
    if len(lines) < _LINES - 1:
        file.unlink(missing_ok=True)
    elif pid != _NOBODY and psutil.pid_exists(pid):
        file.write_text("\n".join([str(_NOBODY), *lines[1:]]) + "\n")
