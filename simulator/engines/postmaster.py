"""What a data folder's postmaster.pid says, and whether it is still true."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

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
        except (FileNotFoundError, NotADirectoryError):
            return None
        pid = _number(lines[0]) if lines else 0
        if not _is_server(pid, data_dir):
            _put_away(file, lines, pid)
            return None
        if len(lines) < _LINES:
            return cls(pid, 0, data_dir, ready=False)
        return cls(pid, _number(lines[3]), Path(lines[4]), ready=lines[7] == "ready")


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
