"""The one owner of the database and of the runs in this process.

Streamlit starts a thread a script run and throws it away; what must outlive it is here and nowhere else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache

from simulator.engines.base import Engine, ServerInfo
from simulator.engines.start import open_engine
from simulator.errors import EngineBusy, EngineError
from simulator.live import LiveRuns
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.run import RunResult, run_scenario


class Manager:
    """Opens the engine once, at the first need, and remembers why where it could not."""

    def __init__(self, environ: Mapping[str, str], opener: Callable[[Mapping[str, str]], Engine] = open_engine) -> None:
        self._environ = dict(environ)
        self._opener = opener
        #: held while the engine opens: whoever comes meanwhile waits for the same one
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._problem: str | None = None
        self._stopped = False
        #: what people drive by hand
        self.live = LiveRuns()

    @property
    def wants_external(self) -> bool:
        """Whether DATABASE_URL names a server of the user's own."""
        return bool(self._environ.get("DATABASE_URL"))

    def start(self) -> None:
        """Begin to open the engine, without waiting for it: the first page load comes while it starts."""
        threading.Thread(target=self._open_quietly, name="txscope-start", daemon=True).start()

    def engine(self) -> Engine:
        """The engine. Raises EngineError, the same again and again, until `retry` or `use_embedded`."""
        with self._lock:
            if self._problem is not None:
                raise EngineError(self._problem)
            if self._engine is None:
                self._engine = self._open()
            return self._engine

    def retry(self) -> None:
        """Forget the last failure, and an engine whose server is gone; the next call of `engine` tries again."""
        with self._lock:
            self._problem = None
            if self._engine is not None and not _answers(self._engine):
                gone, self._engine = self._engine, None
                gone.close()

    def is_open(self) -> bool:
        """Whether there is an engine, so that what fails is one run and not all of them."""
        return self._engine is not None and _answers(self._engine)

    def use_embedded(self) -> None:
        """From now on the embedded server, whatever DATABASE_URL says."""
        with self._lock:
            self._environ.pop("DATABASE_URL", None)
            self._problem = None

    def run(
        self,
        scenario: Scenario,
        variant: Variant,
        isolation: Isolation,
        *,
        schedule: Schedule | None = None,
        watch: bool = False,
    ) -> RunResult:
        """Run one schedule now; with `watch` for the state panel too. Raises EngineError, RunError, ScenarioError."""
        return run_scenario(self.engine(), scenario, variant, isolation, schedule=schedule, watch=watch)

    def runs_going_on(self) -> int:
        """How many runs this process has on the server at this moment."""
        engine = self._engine
        return engine.rooms_open() if engine else 0

    def info(self) -> ServerInfo:
        """Where runs happen. Raises EngineError."""
        return self.engine().info()

    def stop(self) -> None:
        """End what people drive and close the engine; nothing opens it again."""
        self.live.close_all()
        with self._lock:
            engine, self._engine = self._engine, None
            self._stopped, self._problem = True, None
        if engine is not None:
            engine.close()

    def _open(self) -> Engine:
        if self._stopped:
            raise EngineError("Txscope is stopping.")
        try:
            return self._opener(self._environ)
        except EngineError as error:
            self._problem = str(error)
            raise

    def _open_quietly(self) -> None:
        """What went wrong is told by the page that needs the engine."""
        try:
            self.engine()
        except EngineError:
            return


def _answers(engine: Engine) -> bool:
    """Whether the server still makes room for a run."""
    try:
        engine.create_room((), 0).close()
    except EngineBusy:
        return True
    except EngineError:
        return False
    return True


@lru_cache(maxsize=1)
def manager() -> Manager:
    """This process's manager."""
    return Manager(os.environ)
