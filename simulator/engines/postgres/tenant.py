"""A tenant: who a run is on the server. One role (on the embedded server one database, too), used again and again.

A tenant belongs to one run at a time. What its role may do ends at its own schema; what a run leaves behind is washed
away by the privileged side before the next run gets it. Logging in costs more than a short run does, so a tenant keeps
its connections.
"""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from simulator.engines.postgres.connection import ServerConnection, check
from simulator.engines.postgres.exchange import Exchange
from simulator.engines.postgres.statements import statement
from simulator.engines.postgres.tenant_source import Account, TenantSource
from simulator.errors import EngineError

#: Bytes of a tenant's database past which it is made anew (a new one has 8 MB), and of memory that only one of its
#: backends has past which that is not kept.
MOST_BYTES, MOST_MEMORY = 40_000_000, 40_000_000

#: Runs after which a tenant's catalogues are vacuumed: nobody else does it on a server of ours.
VACUUM_RUNS = 300

_RESET = b"DISCARD ALL"


class Tenant:
    """One role with its connections, for one run at a time; `options` are of the role's connections."""

    def __init__(
        self, source: TenantSource, account: Account, options: str = "", relieve: Callable[[], int] = lambda: 0
    ) -> None:
        self._source = source
        #: has others close connections that nobody uses; how many
        self.relieve = relieve
        self.account = account
        #: log in as the role, with the settings that sessions of runs have
        self.session_conninfo = with_options(account.session, options)
        self._control: ServerConnection | None = None
        self._kept: list[ServerConnection] = []
        self._dirty = True
        self._runs = itertools.count(1)
        #: the run that has it had a statement that took long: what it left in memory and on the disk is looked at
        self.worked_long = False

    def ready(self, deadline: float) -> None:
        """Before a run: connected, and free of whatever anybody left. Raises EngineError."""
        if self._control is not None and not self._control.usable:
            self.disconnect()
        if self._control is None:
            self._control = ServerConnection(self.account.control, self._source.explain)
            self._dirty = True
        if self._dirty:
            # The role's sessions are about to be ended.
            self.release()
            self._source.prepare(self.account, self._control, deadline)
            self._dirty = False

    @property
    def control(self) -> ServerConnection:
        """The privileged side's connection beside this tenant. Raises EngineError."""
        if self._control is None:
            raise EngineError("This run's place on the server is gone.")
        return self._control

    def connect(self) -> ServerConnection:
        """A connection of the role, as new. Raises EngineError."""
        while self._kept:
            kept = self._kept.pop()
            if kept.usable:
                return kept
            kept.close()
        try:
            return ServerConnection(self.session_conninfo, self._source.explain)
        except EngineError:
            # Perhaps others keep what this run needs.
            if not self.relieve():
                raise
        return ServerConnection(self.session_conninfo, self._source.explain)

    def release(self) -> int:
        """Close the connections that are kept for the next run; how many."""
        kept, self._kept = self._kept, []
        for each in kept:
            each.close()
        return len(kept)

    def take_back(self, connections: list[ServerConnection], schemas: tuple[str, ...], deadline: float) -> bool:
        """After a run: connections reset and kept, schemas dropped; whether the tenant is as new. Never raises."""
        resets = [(each, exchange) for each in connections if (exchange := _reset(each)) is not None]
        for each, exchange in resets:
            try:
                check(exchange.wait(deadline))
            except (EngineError, psycopg.Error):
                each.close()
            else:
                self._keep(each)
        return self.wash(schemas, deadline)

    def outgrown(self) -> bool:
        """Whether its database is so much larger than a new one that a new one is better. Raises EngineError."""
        if not (self._source.embedded and self.worked_long):
            return False
        return int(self.control.ask("size").get_value(0, 0) or 0) > MOST_BYTES

    def wash(self, schemas: tuple[str, ...], deadline: float) -> bool:
        """Drop these schemas and whatever else a run left; whether the tenant is as new. Never raises."""
        try:
            if self._control is None or not self._control.usable:
                self._dirty = True
            elif not self._dirty:
                self._dirty = not self._source.clean(self.account, self._control, schemas, deadline)
            self.ready(deadline)
            if self._source.embedded and next(self._runs) % VACUUM_RUNS == 0:
                self.control.query(statement("vacuum"))
        except EngineError:
            self._dirty = True
        return not self._dirty

    def disconnect(self) -> None:
        """Close every connection."""
        self.release()
        if self._control is not None:
            self._control.close()
        self._control = None

    def _keep(self, connection: ServerConnection) -> None:
        large = self.worked_long and self._source.embedded and own_memory(connection.pid) > MOST_MEMORY
        if len(self._kept) < self._source.kept and not large:
            self._kept.append(connection)
        else:
            connection.close()


def own_memory(pid: int) -> int:
    """Bytes that only this process has; 0 where the system does not tell."""
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1:3]
    except OSError:
        return 0
    return (int(resident) - int(shared)) * resource.getpagesize()


def _reset(connection: ServerConnection) -> Exchange | None:
    connection.pgconn.notice_handler = None
    try:
        if not connection.large:
            return connection.send(_RESET)
    except EngineError:
        pass
    connection.close()
    return None


def with_options(conninfo: str, options: str) -> str:
    """The same with `-c name=value ...`: session defaults, to which RESET ALL goes back, whatever a run did."""
    own = str(conninfo_to_dict(conninfo).get("options") or "")
    return make_conninfo(conninfo, options=f"{own} {options}".strip(), application_name="txscope")
