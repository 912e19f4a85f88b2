"""Histories in files, plain or packed by gzip, read as streams with a limit: a small file can unpack to much."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO

from simulator.errors import HistoryError
from simulator.history.schedule import COMMAND, History, Limits, too_large
from simulator.i18n.text import Text

_GZIP = b"\x1f\x8b"


def load_history(path: Path, limits: Limits = COMMAND) -> History:
    """The history in a file that Txscope or its recorder saved. Raises HistoryError."""
    try:
        with path.open("rb") as file:
            data = unpacked(file, limits)
    except OSError as error:
        raise HistoryError(Text.of("{path} cannot be read: {reason}.", path=path, reason=str(error.strerror))) from None
    return History.from_json(data.decode("utf-8", "replace"), limits)


def unpacked(file: IO[bytes], limits: Limits) -> bytes:
    """What is in a file that can be sought in, at most as much as the limit. Raises HistoryError."""
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    try:
        if packed:
            with gzip.GzipFile(fileobj=file) as inner:
                data = inner.read(limits.bytes + 1)
        else:
            data = file.read(limits.bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise HistoryError(Text.of("This file was packed by gzip, and it is damaged.")) from None
    if len(data) > limits.bytes:
        raise too_large(limits)
    return data
