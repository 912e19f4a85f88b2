"""What is left of a data folder: whether it was one, whose it is, its rights mended, and the folder put aside."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from simulator.errors import EngineError
from simulator.i18n.text import Text

#: what initdb makes; so many of them are no coincidence
_NAMES = (
    "base",
    "global",
    "pg_wal",
    "pg_xact",
    "pg_multixact",
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
)
_ENOUGH = 3
#: folders put aside that are kept, for somebody who wants to know
_KEPT = 2


def was_cluster(data_dir: Path) -> bool:
    """Whether this folder is a server's or what is left of one. Raises OSError where it cannot be read."""
    return (data_dir / "PG_VERSION").exists() or sum((data_dir / name).exists() for name in _NAMES) >= _ENOUGH


def is_anothers(data_dir: Path, cluster_name: str) -> bool:
    """Whether a server was last started here that does not bear this name: somebody's own, with data that matters."""
    try:
        command = (data_dir / "postmaster.opts").read_text(errors="replace")
    except OSError:
        return False
    return '"-D"' in command and f"cluster_name={cluster_name}" not in command


def mend_rights(data_dir: Path, uid: int) -> bool:
    """Give the user `uid`, who runs the server, its rights to its own files again; whether any were missing.

    A folder of another user, or with other files, is left as it is.
    """
    ours = {uid, os.geteuid()}
    mended, todo = False, [data_dir]
    if not _may_be_mended(data_dir):
        return False
    with suppress(OSError):  # what cannot be mended is told by the next start
        while todo:
            path = todo.pop()
            found = path.lstat()
            if found.st_uid not in ours or stat.S_ISLNK(found.st_mode):
                continue
            mended = _mend(path, found, uid, strict=path == data_dir) or mended
            if stat.S_ISDIR(found.st_mode):
                todo.extend(path.iterdir())
    return mended


def _may_be_mended(data_dir: Path) -> bool:
    try:
        return data_dir.is_dir() and was_cluster(data_dir)
    except PermissionError:
        return True  # nobody knows what is in it, and its owner may get to know


def _mend(path: Path, found: os.stat_result, uid: int, *, strict: bool) -> bool:
    is_folder = stat.S_ISDIR(found.st_mode)
    needed, mode = 0o700 if is_folder else 0o600, stat.S_IMODE(found.st_mode)
    # A second name of a file may be anywhere.
    owned_wrongly = found.st_uid != uid and (is_folder or found.st_nlink == 1)
    # PostgreSQL takes a folder that its group may read, and none that others may.
    wanted = needed if strict and mode & 0o027 else mode | needed
    if owned_wrongly:
        os.chown(path, uid, -1, follow_symlinks=False)
    if wanted != mode:
        path.chmod(wanted)
    return owned_wrongly or wanted != mode


@contextmanager
def put_aside(data_dir: Path) -> Iterator[Path]:
    """Rename the folder, and back where the block fails; afterwards the newest two of that kind are there still.

    Raises EngineError where it cannot be renamed.
    """
    aside = data_dir.with_name(f"{data_dir.name}.broken-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    try:
        data_dir.rename(aside)
    except OSError as error:
        raise EngineError(
            Text.of(
                "The data in {place} is damaged, and that folder cannot be renamed ({report}); remove what is in it, "
                "or set TXSCOPE_DATA to another one. Nothing in it is needed after a run.",
                place=data_dir,
                report=os.strerror(error.errno or 0),
            )
        ) from None
    try:
        yield aside
    except BaseException:
        shutil.rmtree(data_dir, ignore_errors=True)
        aside.rename(data_dir)
        raise
    pattern = re.compile(re.escape(data_dir.name) + r"\.broken-\d{8}-\d{6}-\d{6}")
    kept = sorted(path for path in data_dir.parent.iterdir() if pattern.fullmatch(path.name))
    for old in kept[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
