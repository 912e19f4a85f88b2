"""What SQLAlchemy warns of or logs during one run, told from what others in the process do at the same time.

`warnings.catch_warnings` replaces state of the whole process and two runs would undo each other's. Here one hook stays
for as long as any run needs it, and a context variable says whose warning it is.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TextIO

from pydantic.warnings import PydanticDeprecationWarning
from sqlalchemy.exc import SADeprecationWarning, SAWarning

_HEARD: ContextVar[_Ears | None] = ContextVar("txscope_heard", default=None)
#: What a library says is no longer the way to write it; of a renamed setting Pydantic does so in a plain UserWarning.
DEPRECATIONS = (SADeprecationWarning, PydanticDeprecationWarning, UserWarning)
#: Logger of what goes wrong where nobody can be told, such as a connection that cannot be reset.
_LOGGER = "sqlalchemy.pool"


@dataclass(frozen=True, slots=True)
class _Ears:
    """Who listens: to which classes of warnings, and where they come to."""

    kinds: tuple[type[Warning], ...]
    heard: list[str]


@contextmanager
def listening(*kinds: type[Warning]) -> Iterator[list[str]]:
    """The list that warnings of this thread, its tasks and threads with a copy of its context come to.

    `kinds`: also warnings of these classes, each with its class's name before it.
    """
    heard: list[str] = []
    token = _HEARD.set(_Ears(kinds, heard))
    hook = _hook()
    hook.put(kinds)
    try:
        yield heard
    finally:
        hook.take()
        _HEARD.reset(token)


class _Heard(logging.Handler):
    """A log record goes to the run in whose context it was written."""

    def emit(self, record: logging.LogRecord) -> None:
        ears = _HEARD.get()
        if ears is not None:
            ears.heard.append(record.getMessage())


class _Hook:
    """In place while at least one run listens."""

    def __init__(self) -> None:
        self._users = 0
        self._counting = threading.Lock()
        self._handler = _Heard(logging.WARNING)
        self._show = warnings.showwarning

    def put(self, kinds: Iterable[type[Warning]]) -> None:
        with self._counting:
            self._users += 1
            if self._users == 1:
                self._show, warnings.showwarning = warnings.showwarning, self._warned
                logging.getLogger(_LOGGER).addHandler(self._handler)
            # Also where it was warned of before: each run shall hear it.
            warnings.simplefilter("always", SAWarning)
            for kind in kinds:
                warnings.simplefilter("always", kind)

    def take(self) -> None:
        with self._counting:
            self._users -= 1
            if self._users == 0:
                warnings.showwarning = self._show
                logging.getLogger(_LOGGER).removeHandler(self._handler)

    def _warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        ears = _HEARD.get()
        if ears is not None and issubclass(category, SAWarning | RuntimeWarning):
            ears.heard.append(str(message))
        elif ears is not None and issubclass(category, ears.kinds):
            ears.heard.append(f"{category.__name__}: {message}")
        else:
            self._show(message, category, filename, lineno, file, line)


@lru_cache(maxsize=1)
def _hook() -> _Hook:
    """One a process."""
    return _Hook()
