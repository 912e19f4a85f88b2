"""How much may be uploaded: a file, the files of one tab, and all files together, those on their way counted too.

Streamlit keeps uploads in memory for as long as their tab is open, and limits the single file only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

MB = 1024 * 1024
#: How much more than the file a browser sends: its name and the borders around it.
_FRAME = 64 * 1024


class UploadRefused(Exception):
    """The upload is not taken; `status` is HTTP's, `megabytes` the limit that it would pass."""

    def __init__(self, status: int, megabytes: int) -> None:
        super().__init__(status, megabytes)
        self.status = status
        self.megabytes = megabytes


@dataclass(frozen=True, slots=True)
class Limits:
    """In megabytes."""

    file: int = 20
    tab: int = 40
    together: int = 120


class Uploads:
    """`kept` gives the bytes that are in memory, by tab. Used from the event loop only."""

    def __init__(self, kept: Callable[[], Mapping[str, int]], limits: Limits) -> None:
        self._kept = kept
        self._limits = limits
        self._on_their_way: dict[str, int] = {}

    @contextmanager
    def place(self, tab: str, size: int) -> Iterator[None]:
        """Hold a place for so many bytes while they come. Raises UploadRefused."""
        self._raise_if_too_much(tab, size)
        self._on_their_way[tab] = self._on_their_way.get(tab, 0) + size
        try:
            yield
        finally:
            self._on_their_way[tab] -= size
            if not self._on_their_way[tab]:
                del self._on_their_way[tab]

    def _raise_if_too_much(self, tab: str, size: int) -> None:
        limits, kept = self._limits, self._kept()
        if size > limits.file * MB + _FRAME:
            raise UploadRefused(413, limits.file)
        if size + kept.get(tab, 0) + self._on_their_way.get(tab, 0) > limits.tab * MB + _FRAME:
            raise UploadRefused(413, limits.tab)
        if size + sum(kept.values()) + sum(self._on_their_way.values()) > limits.together * MB:
            raise UploadRefused(503, limits.together)
