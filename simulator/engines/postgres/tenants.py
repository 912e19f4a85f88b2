"""The tenants of this process: those that wait for a run, and how to get more; what cannot be washed is thrown away."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.tenant import Tenant
from simulator.engines.postgres.tenant_source import TenantSource
from simulator.errors import EngineError

#: How many tenants are tried where one is not as it should be.
ATTEMPTS = 4

#: Seconds for washing a tenant while somebody waits for the end of a run, and for doing it behind the scenes.
WASH_S, LATER_S = 0.5, 20.0


class Tenants:
    """Every tenant of this process: those that wait for a run, the last used first, and how to get more."""

    def __init__(self, source: TenantSource) -> None:
        self.source = source
        #: `-c name=value ...` of the roles' connections
        self.options = ""
        self._changed = threading.Lock()
        self._healing = threading.Lock()
        self._claiming = threading.Lock()
        self._waiting: list[Tenant] = []
        self._numbers = itertools.count(1)
        self._closed = False
        self._stocking = False
        #: threads that make tenants and wash them behind the scenes
        self._behind: set[threading.Thread] = set()

    def take(self) -> Tenant:
        """A tenant that is ready for a run; a server that is gone is started or connected again. Raises EngineError."""
        self.heal()
        try:
            return self._take()
        except EngineError:
            if self.source.alive():
                raise
        self.heal()
        return self._take()

    def stock(self) -> None:
        """See that tenants wait for who comes next: making one takes as long as ten runs. Does not wait for it."""
        if self.source.isolated:
            with self._changed:
                enough = self._closed or self._stocking or len(self._waiting) >= self.source.stock
                self._stocking = self._stocking or not enough
            if not enough:
                self._do_behind("txscope-stock", self._stock)

    def heal(self, *, surely: bool = False) -> None:
        """Connect to the server again, or start it, if it is gone; many may ask at once. Raises EngineError."""
        if self.source.alive(surely=surely):
            return
        with self._healing:
            if not self.source.alive(surely=surely):
                self.source.heal()

    def start_anew(self, tenant: Tenant) -> None:
        """Before the first run: this tenant's connections get the options that are known now."""
        tenant.disconnect()
        self._add(Tenant(self.source, tenant.account, self.options, self._relieve))

    def give_back(self, tenant: Tenant, connections: list[ServerConnection], schemas: tuple[str, ...]) -> None:
        """After a run. What cannot be washed at once is washed behind the scenes, or thrown away. Never raises."""
        if tenant.take_back(connections, schemas, time.monotonic() + WASH_S) and self._is_small(tenant):
            self._add(tenant)
            return
        self._do_behind("txscope-washer", lambda: self._wash(tenant, schemas))

    def close(self, seconds: float = 1.0) -> None:
        """Close every connection; whoever still washes, or makes a tenant, has so many seconds."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            behind = tuple(self._behind)
        until = time.monotonic() + seconds
        for thread in behind:
            thread.join(max(0.0, until - time.monotonic()))
        for tenant in waiting:
            tenant.disconnect()
        self.source.close()

    def _take(self) -> Tenant:
        for left in reversed(range(ATTEMPTS)):
            with self._changed:
                tenant = self._waiting.pop() if self._waiting else None
            if tenant is None:
                tenant = self._claim()
            try:
                tenant.ready(time.monotonic() + LATER_S)
            except EngineError:
                self._give_up(tenant)
                # Its database is gone, or it cannot be washed: another one will do.
                if not left or not self.source.alive():
                    raise
            else:
                return tenant
        raise EngineError("There are no more places on the server.")

    def _do_behind(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                with self._changed:
                    self._behind.discard(thread)

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._changed:
            self._behind.add(thread)
        thread.start()

    def _stock(self) -> None:
        try:
            while len(self._waiting) < self.source.stock and not self._closed:
                tenant = self._claim()
                try:
                    tenant.ready(time.monotonic() + LATER_S)
                except EngineError:
                    self._give_up(tenant)
                    raise
                self._add(tenant)
        except EngineError:
            return  # Who comes next makes one, and is told why it cannot be made.
        finally:
            self._stocking = False

    def _claim(self) -> Tenant:
        with self._claiming:
            for number in self._numbers:
                account = self.source.claim(number)
                if account is not None:
                    return Tenant(self.source, account, self.options, self._relieve)
        raise EngineError("There are no more places on the server.")

    def _wash(self, tenant: Tenant, schemas: tuple[str, ...]) -> None:
        if tenant.wash(schemas, time.monotonic() + LATER_S) and self._is_small(tenant):
            self._add(tenant)
        else:
            self._give_up(tenant)

    def _is_small(self, tenant: Tenant) -> bool:
        """What a run wrote into catalogues or large objects stays in the files, though nothing of it can be seen."""
        try:
            small = not tenant.outgrown()
        except EngineError:
            return False
        tenant.worked_long = False
        return small

    def _relieve(self) -> int:
        with self._changed:
            waiting = tuple(self._waiting)
        return sum(tenant.release() for tenant in waiting)

    def _give_up(self, tenant: Tenant) -> None:
        """Throw away what cannot be used; where the server is gone it is whole, and waits for the server as we do."""
        tenant.disconnect()
        if self.source.alive():
            with suppress(EngineError):
                self.source.remove(tenant.account)
                return
        if not self.source.alive():
            self._add(tenant)

    def _add(self, tenant: Tenant) -> None:
        with self._changed:
            if not self._closed:
                self._waiting.append(tenant)
                return
        tenant.disconnect()
