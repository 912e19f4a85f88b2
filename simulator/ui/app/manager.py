"""The one owner of the database and of the runs in this process.

Streamlit starts a thread a script run and throws it away; what must outlive it is here and nowhere else.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from simulator.engines.base import Engine, ServerInfo
from simulator.engines.start import open_engine
from simulator.errors import EngineBusy, EngineError, TxscopeError
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.live import EndReason, LiveRuns
from simulator.model import Outcome
from simulator.ui.app.errands import Errand, Errands
from simulator.ui.app.outcomes import Outcomes
from simulator.verdict.run import RunResult

T = TypeVar("T")

#: Told to whose click met a server that had gone.
BACK = N_("The database server had stopped. It is back, and this was run on it.")

#: After a server has gone, a click that comes so many seconds after a vain attempt makes another one.
AGAIN_S = 2.0
#: The end of everything, and within it of what people drive: seconds.
WITHIN_S, LIVE_WITHIN_S = 2.0, 0.8


class Manager:
    """Opens the engine at the first need, again where its server has gone, and remembers why where it could not."""

    def __init__(
        self,
        environ: Mapping[str, str],
        opener: Callable[[Mapping[str, str]], Engine] = open_engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environ = dict(environ)
        self._opener = opener
        self._clock = clock
        #: held while the engine opens or heals: whoever comes meanwhile waits for the same one
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._problem: str | None = None
        #: when the next click may try again by itself; None where only a person may say so
        self._again_at: float | None = None
        self._was_open = False
        self._heals = 0
        self._resets = 0
        self._stopped = False
        #: what people drive by hand
        self.live = LiveRuns()
        #: what is being made for people
        self.errands = Errands()
        #: what has run for anybody
        self.outcomes = Outcomes()

    @property
    def wants_external(self) -> bool:
        """Whether DATABASE_URL names a server of the user's own."""
        return bool(self._environ.get("DATABASE_URL"))

    def start(self) -> None:
        """Begin to open the engine, without waiting for it: the first page load comes while it starts."""
        threading.Thread(target=self._open_quietly, name="txscope-start", daemon=True).start()

    def engine(self, *, surely: bool = False) -> Engine:
        """The engine, connected again where its server has gone. Raises EngineError.

        What failed at the first time fails again and again, until `retry` or `use_embedded`; what has been there and is
        gone is tried again by who comes next. `surely` where a run has just failed: the server may be about to go.
        """
        with self._lock:
            if self._problem is not None and (self._again_at is None or self._clock() < self._again_at):
                raise EngineError(self._problem)
            if self._engine is None:
                self._engine = self._open()
            elif not self._engine.alive(surely=surely):
                self._engine = self._healed(self._engine)
            return self._engine

    def using(self, make: Callable[[Engine], T], say: Callable[[str], None] = lambda _sentence: None) -> T:
        """What `make` makes of the engine; made a second time where the server left meanwhile, and `say` told so.

        Raises what `make` raises, EngineError.
        """
        before = self._heals
        engine = self.engine()
        if self._heals != before:
            say(_(BACK))
        before = self._heals
        failure: TxscopeError | None = None
        made: list[T] = []
        try:
            made.append(make(engine))
        except EngineBusy:
            raise
        except TxscopeError as error:
            failure = error
        doubtful = failure is not None or any(map(_has_failed, made))
        if engine.alive(surely=doubtful) and self._heals == before:
            if failure is not None:
                raise failure
            return made[0]
        # Nobody has seen anything of it yet, and nothing of it is left on the server.
        engine = self.engine(surely=True)
        say(_(BACK))
        return make(engine)

    def errand(self, owner: Hashable, name: str, wanted: object, make: Callable[[Engine], T]) -> Errand[T]:
        """What is being made for this person under this name, begun if it was not. Raises EngineError."""
        return self.errands.begin(owner, name, wanted, lambda errand: self.using(make, errand.say))

    def retry(self) -> None:
        """Forget the last failure; the next call of `engine` tries again."""
        with self._lock:
            self._problem, self._again_at = None, None

    def is_open(self) -> bool:
        """Whether there is an engine, so that what fails is one run and not all of them."""
        return self._engine is not None and self._engine.alive()

    def use_embedded(self) -> None:
        """From now on the embedded server, whatever DATABASE_URL says."""
        with self._lock:
            self._environ.pop("DATABASE_URL", None)
            self._problem, self._again_at = None, None
        self.outcomes.clear()

    def runs_going_on(self) -> int:
        """How many runs this process has on the server at this moment."""
        engine = self._engine
        return engine.rooms_open() if engine else 0

    def takes_own_sql(self) -> bool:
        """Whether people may run SQL of their own: every run has a role of its own, or TXSCOPE_OWN_SQL=1 says so.

        Where all runs share one role, one visitor's SQL reaches another's run; which visitor is whose, nobody can tell
        from an address behind a proxy. Raises EngineError.
        """
        return self.engine().capabilities().isolates_visitors or self._environ.get("TXSCOPE_OWN_SQL") == "1"

    def info(self) -> ServerInfo:
        """Where runs happen. Raises EngineError."""
        return self.engine().info()

    def leave(self, owner: Hashable) -> None:
        """A person has gone, and so is what was made for them or driven by them."""
        self.errands.leave(owner)
        self.live.close_of(owner)

    def reset(self) -> None:
        """Begin anew for the next group: live runs end, and what is kept for people is forgotten (see `resets`)."""
        self._resets += 1
        self.errands.clear()
        self.outcomes.clear()
        self.live.end_all(EndReason.RESET)

    @property
    def resets(self) -> int:
        """How often there was a reset: who saw fewer forgets what they have."""
        return self._resets

    def stop(self, within_s: float = WITHIN_S) -> None:
        """End what people do and close the engine; nothing opens it again. Returns within that time, whatever goes on.

        Raises EngineError where the engine did not close as it should.
        """
        until = time.monotonic() + within_s
        self._stopped = True
        self.errands.close()
        self.live.close_all(min(LIVE_WITHIN_S, within_s))
        ended: Future[None] = Future()
        threading.Thread(target=self._give_back, args=(ended,), name="txscope-stop", daemon=True).start()
        with suppress(TimeoutError):
            ended.result(max(0.0, until - time.monotonic()))

    def _give_back(self, ended: Future[None]) -> None:
        """Close the engine, also one that is just being opened."""
        try:
            with self._lock:
                engine, self._engine = self._engine, None
                self._problem = None
            if engine is not None:
                engine.close()
        except BaseException as error:  # noqa: BLE001 - `stop` raises it
            ended.set_exception(error)
        else:
            ended.set_result(None)

    def _open(self) -> Engine:
        if self._stopped:
            raise EngineError(_("Txscope is stopping."))
        try:
            engine = self._opener(self._environ)
        except EngineError as error:
            self._fail(str(error))
            raise EngineError(self._problem or "") from None
        self._problem, self._was_open = None, True
        return engine

    def _fail(self, sentence: str) -> None:
        """Remember why; after a server that was there has gone, only for a moment."""
        if self._was_open:
            failed = _("The database server has stopped, and it could not be started or reached again: {reason}")
            sentence, self._again_at = failed.format(reason=sentence), self._clock() + AGAIN_S
        self._problem = sentence

    def _healed(self, gone: Engine) -> Engine:
        """The same engine on a server that has come back, or another one. Raises EngineError."""
        if self._stopped:
            raise EngineError(_("Txscope is stopping."))
        self._heals += 1
        with suppress(EngineError):
            gone.heal()
            return gone
        self._engine = None
        with suppress(EngineError):  # what is in the way is told by the one that opens
            gone.close()
        return self._open()

    def _open_quietly(self) -> None:
        """What went wrong is told by the page that needs the engine."""
        try:
            self.engine()
        except EngineError:
            return


def _has_failed(made: object) -> bool:
    """A run that could not be carried to its end is a result, too."""
    if isinstance(made, tuple):
        return any(map(_has_failed, made))
    return isinstance(made, RunResult) and made.outcome is Outcome.ERROR


@lru_cache(maxsize=1)
def manager() -> Manager:
    """This process's manager."""
    return Manager(os.environ)
