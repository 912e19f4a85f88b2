"""The presenter's terminal while a room is open: a line that says `r` resets it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

RESET_LINES = frozenset({"r", "reset"})


def is_listened_to() -> bool:
    """Whether somebody can type here: a terminal, and not one that this process only runs in the background of."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal that is not this process's own, as some supervisors give
        return False


def listen(reset: Callable[[], None]) -> None:
    """Call `reset`, in a thread of its own, for each such line."""
    threading.Thread(target=_listen, args=(reset,), name="txscope-terminal", daemon=True).start()


def _listen(reset: Callable[[], None]) -> None:
    # Not through sys.stdin: a thread that waits inside of it would keep Python from ending.
    while line := os.read(sys.stdin.fileno(), 200):
        if line.decode(errors="replace").strip().lower() in RESET_LINES:
            reset()
