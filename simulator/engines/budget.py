"""Connections that applications under observation may hold at once, all together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.errors import EngineBusy
from simulator.i18n import gettext as _


class Budget:
    """So many connections; whoever wants more than are left waits until they are given back."""

    def __init__(self, connections: int, patience_s: float) -> None:
        self._total = connections
        self._left = connections
        self._patience_s = patience_s
        self._changed = threading.Condition()

    @contextmanager
    def take(self, connections: int) -> Iterator[None]:
        """Hold them until the block ends. Raises EngineBusy: never that many, or not in time."""
        if connections > self._total:
            raise EngineBusy(
                _(
                    "This run wants {wanted} connections, and {total} may be open at once. Choose a smaller pool."
                ).format(wanted=connections, total=self._total)
            )
        with self._changed:
            if not self._changed.wait_for(lambda: self._left >= connections, self._patience_s):
                raise EngineBusy(_("Other runs hold all connections. Try again in a few seconds."))
            self._left -= connections
        try:
            yield
        finally:
            with self._changed:
                self._left += connections
                self._changed.notify_all()
