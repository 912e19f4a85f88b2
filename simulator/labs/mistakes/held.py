"""Sessions and connections that a run used: held, so that a leak stays one, and taken back at the end."""

from __future__ import annotations

import weakref
from typing import Any

from sqlalchemy.orm import Session


class Held:
    """What was used since its listeners were attached."""

    def __init__(self) -> None:
        self._holding = True
        self._strong: list[object] = []
        #: the pool's proxies: one a checkout
        self._proxies: list[weakref.ref[Any]] = []

    def let_go(self) -> None:
        """Hold no more: what nobody else refers to may be collected."""
        self._holding = False
        self._strong.clear()

    def checked_out(self) -> tuple[Any, ...]:
        """The proxies that were not given back."""
        proxies = (reference() for reference in self._proxies)
        return tuple(proxy for proxy in proxies if proxy is not None and proxy.dbapi_connection is not None)

    def reclaim(self) -> None:
        """Close the connections that are still checked out; whoever still refers to them has closed ones."""
        for proxy in self.checked_out():
            proxy.invalidate()
        self._strong.clear()

    def took(self, _connection: object, _record: object, proxy: Any) -> None:
        """Listener of a pool's `checkout`."""
        self._proxies.append(weakref.ref(proxy))
        if self._holding:
            self._strong.append(proxy)

    def began(self, session: Session, _transaction: object, _connection: object) -> None:
        """Listener of a Session class's `after_begin`."""
        if self._holding:
            self._strong.append(session)
