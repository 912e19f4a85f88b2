"""File locks beside a data folder: who uses its server, and who may start or stop it just now.

The kernel takes a lock from a process that was killed, so nobody is waited for who is not there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.engines.postgres.failures import CLUSTER_FAILURES, explain
from simulator.errors import EngineBusy, EngineError
from simulator.i18n.text import Text

_PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.02


@contextmanager
def only_one(data_dir: Path, seconds: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Keep every other process and thread from starting or stopping this folder's server meanwhile.

    Raises EngineBusy, EngineError.
    """
    descriptor = _open(data_dir, "lock")
    try:
        deadline = time.monotonic() + seconds
        while not _locked(descriptor, fcntl.LOCK_EX, data_dir):
            if time.monotonic() > deadline:
                raise EngineBusy(
                    Text.of(
                        "Another process has been starting or stopping the server in {place} for {seconds} s.",
                        place=data_dir,
                        seconds=int(seconds),
                    )
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


class Membership:
    """One user's place among those of a server; it ends with `leave`, or with the process."""

    def __init__(self, data_dir: Path) -> None:
        """Become one of them. Raises EngineError."""
        self._data_dir = data_dir
        self._descriptor = _open(data_dir, "users")
        self._hold()

    def is_last(self) -> bool:
        """Whether nobody else uses the server; only while `only_one` is held is it true for longer."""
        is_last = _locked(self._descriptor, fcntl.LOCK_EX, self._data_dir)
        self._hold()  # asking gave the shared lock up, whatever the answer
        return is_last

    def leave(self) -> None:
        """Stop being one of them."""
        os.close(self._descriptor)

    def _hold(self) -> None:
        try:
            _locked(self._descriptor, fcntl.LOCK_SH, self._data_dir)
        except EngineError:
            os.close(self._descriptor)
            raise


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
            Text.of(
                "The disk of {place} cannot lock files; set TXSCOPE_DATA to a folder on a local disk.", place=data_dir
            )
        ) from None
    return True
