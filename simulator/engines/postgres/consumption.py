"""What one run takes of what all runs share: the disk and the server's lock table."""

from __future__ import annotations

import time
from collections.abc import Iterable

from simulator.engines.postgres.exchange import TICK
from simulator.engines.postgres.statements import array
from simulator.engines.postgres.tenant import Tenant
from simulator.engines.postgres.wire import result_set
from simulator.errors import LimitReached
from simulator.i18n.text import Text

#: Bytes by which a run may make its database grow, and locks that its sessions may hold.
MAX_GROWTH, MAX_LOCKS = 500_000_000, 10_000


class Consumption:
    """Of one run; `embedded`: on a server of ours more can be asked."""

    def __init__(self, tenant: Tenant, *, embedded: bool) -> None:
        self._tenant = tenant
        self._query = "consumption_embedded" if embedded else "consumption"
        self._size: int | None = None
        self._looked = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether somebody should look again."""
        return time.monotonic() - self._looked > TICK

    def check(self, backends: Iterable[int]) -> None:
        """Whether the run with these backends takes too much. Raises LimitReached, EngineError."""
        found = result_set(self._tenant.control.ask(self._query, [array(backends)])).rows[0]
        size, locks = (int(str(each)) for each in found)
        self._looked = time.monotonic()
        self._tenant.worked_long = True
        if self._size is None:
            self._size = size
        if size - self._size > MAX_GROWTH:
            sentence = Text.of("The run made the database grow by more than {size} MB and was ended.")
            raise LimitReached(sentence.given(size=MAX_GROWTH // 1_000_000))
        if locks > MAX_LOCKS:
            raise LimitReached(Text.of("The run took more than {most} locks and was ended.", most=f"{MAX_LOCKS:,}"))
