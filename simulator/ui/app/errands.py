"""What is made for one person at a time: a click is one run, however often it is clicked and whichever script waits.

A script run of Streamlit ends at any moment, and two of one browser tab overlap. So what takes a server is made in a
thread of its own; scripts look at it, and the one that is left takes what came of it. No Streamlit in here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from simulator.engines.budget import Budget, QueuePlace, serving
from simulator.errors import EngineBusy, EngineError, TxscopeError
from simulator.i18n import gettext as _

T = TypeVar("T")
Clock = Callable[[], float]

#: Two clicks within this time are one double click: seconds.
DOUBLE_CLICK_S = 0.5
#: What no script looks at any more leaves the queue after this time: a script run that takes over has come by then.
GRACE_S = 2.0
#: Things that are made for one person at a time, and how long one more waits for the person's own.
AT_ONCE, PATIENCE_S = 2, 30.0


class GivenUp(TxscopeError):
    """Nobody waits for this any more."""


class Errand(Generic[T]):
    """One thing that is being made for one person; a `Guest` of every queue that it comes to."""

    def __init__(self, owner: Hashable, wanted: object, clock: Clock) -> None:
        self.owner = owner
        self.wanted = wanted
        #: where it stands in a queue; None while it is in none
        self.place: QueuePlace | None = None
        #: how much of it is made, from 0 to 1; None where that is not known
        self.share: float | None = None
        #: what the person should be told besides, once
        self.note = ""
        self._clock = clock
        self._result: Future[T] = Future()
        self._changed = threading.Condition()
        self._news = 0
        self._seen = 0
        self._watchers = 0
        self._left_at = clock()
        self._result.add_done_callback(lambda _result: self._tell())

    def waits(self, place: QueuePlace | None) -> None:
        """Told by a queue. Raises GivenUp where nobody waits for this any more."""
        self._raise_if_given_up()
        if place != self.place:
            self.place = place
            self._tell()

    def tell(self, share: float) -> None:
        """Told by what makes it. Raises GivenUp where nobody waits for this any more."""
        self._raise_if_given_up()
        self.share = share
        self._tell()

    def say(self, note: str) -> None:
        """Something that the person should know besides."""
        self.note = note

    def touch(self) -> None:
        """Somebody will wait for it in a moment."""
        with self._changed:
            self._left_at = self._clock()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody waits for it in this block."""
        with self._changed:
            self._watchers += 1
        try:
            yield
        finally:
            with self._changed:
                self._watchers -= 1
                self._left_at = self._clock()

    def wait(self, seconds: float) -> bool:
        """Wait for news, but no longer than that; whether it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._news > self._seen or self._result.done(), seconds)
            self._seen = self._news
        return self._result.done()

    def result(self) -> T:
        """What was made. Raises what was raised in the making; TimeoutError where it is not over."""
        return self._result.result(timeout=0)

    @property
    def is_over(self) -> bool:
        return self._result.done()

    @property
    def has_failed(self) -> bool:
        return self._result.done() and self._result.exception() is not None

    def make(self, work: Callable[[], T]) -> None:
        """Make it, in this thread; what goes wrong is raised by `result`."""
        try:
            self._raise_if_given_up()
            made = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
            self.fail(error)
        else:
            with suppress(InvalidStateError):  # it was given up meanwhile
                self._result.set_result(made)

    def fail(self, error: BaseException) -> None:
        """End it; nothing happens where it is over."""
        with suppress(InvalidStateError):
            self._result.set_exception(error)

    def _raise_if_given_up(self) -> None:
        with self._changed:
            if self._result.done() or (not self._watchers and self._clock() - self._left_at > GRACE_S):
                raise GivenUp(_("This run was given up, because nobody waited for it any more."))

    def _tell(self) -> None:
        with self._changed:
            self._news += 1
            self._changed.notify_all()


_current: ContextVar[Errand[Any] | None] = ContextVar("errand", default=None)


def tell(share: float) -> None:
    """How much of what this thread makes is made, from 0 to 1; for whoever waits for it."""
    errand = _current.get()
    if errand is not None:
        errand.tell(share)


@dataclass(slots=True)
class _Desk:
    """One person's."""

    errands: dict[str, Errand[Any]] = field(default_factory=dict)
    #: when each name was asked for again
    again: dict[str, float] = field(default_factory=dict)
    hands: Budget = field(default_factory=lambda: Budget(AT_ONCE))


class Errands:
    """What is being made in this process, by person and name."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._desks: dict[Hashable, _Desk] = {}
        self._closed = False

    def begin(self, owner: Hashable, name: str, wanted: object, work: Callable[[Errand[T]], T]) -> Errand[T]:
        """What is being made under this name, if it is what is wanted; else this begins, and the other is given up.

        `work` may talk to the errand. Raises EngineError after `close`.
        """
        with self._lock:
            if self._closed:
                raise EngineError(_("Txscope is stopping."))
            desk = self._desks.setdefault(owner, _Desk())
            other = desk.errands.get(name)
            if other is not None and other.wanted == wanted:
                other.touch()
                return other
            errand: Errand[T] = Errand(owner, wanted, self._clock)
            desk.errands[name] = errand
        if other is not None:
            other.fail(GivenUp(_("Something else was asked for meanwhile.")))
        target = copy_context().run  # the person's language goes along
        thread = threading.Thread(
            target=target, args=(self._work, desk, name, errand, work), name=f"txscope-{name}", daemon=True
        )
        thread.start()
        return errand

    def taken(self, owner: Hashable, name: str, errand: Errand[Any]) -> None:
        """What came of it is kept elsewhere from here on."""
        with self._lock:
            desk = self._desks.get(owner)
            if desk is not None and desk.errands.get(name) is errand:
                del desk.errands[name]

    def again(self, owner: Hashable, name: str) -> bool:
        """Whether what is known under this name is to be made once more; not at the second half of a double click."""
        with self._lock:
            if self._closed:
                return False
            desk, now = self._desks.setdefault(owner, _Desk()), self._clock()
            errand = desk.errands.get(name)
            if errand is not None and not errand.is_over:
                return False
            if now - desk.again.get(name, -DOUBLE_CLICK_S) < DOUBLE_CLICK_S:
                return False
            desk.again[name] = now
            desk.errands.pop(name, None)
            return True

    def drop(self, owner: Hashable, name: str) -> None:
        """Give up what is being made under this name; nothing happens where nothing is."""
        with self._lock:
            desk = self._desks.get(owner)
            errand = None if desk is None else desk.errands.pop(name, None)
        if errand is not None:
            errand.fail(GivenUp(_("Something else was asked for meanwhile.")))

    def leave(self, owner: Hashable) -> None:
        """Give up everything of a person who has gone."""
        with self._lock:
            desk = self._desks.pop(owner, None)
        _give_up([] if desk is None else [desk], GivenUp(_("The page was closed.")))

    def clear(self) -> None:
        """Give up everything of everybody."""
        self._give_up_all(EngineBusy(_("Everything was reset for the next group. Try again.")))

    def close(self) -> None:
        """Give up everything, and begin nothing more."""
        with self._lock:
            self._closed = True
        self._give_up_all(EngineError(_("Txscope is stopping.")))

    def _give_up_all(self, why: TxscopeError) -> None:
        with self._lock:
            desks, self._desks = list(self._desks.values()), {}
        _give_up(desks, why)

    def _work(self, desk: _Desk, name: str, errand: Errand[T], work: Callable[[Errand[T]], T]) -> None:
        _current.set(errand)
        with serving(errand):
            errand.make(lambda: _with_a_hand(desk.hands, lambda: work(errand)))
        if errand.has_failed:
            # Whoever waits is told; whoever comes later tries again.
            with self._lock:
                if desk.errands.get(name) is errand:
                    del desk.errands[name]


def _with_a_hand(hands: Budget, work: Callable[[], T]) -> T:
    if not hands.take(1, PATIENCE_S):
        raise EngineBusy(_("What you asked for before is still running. Try again in a few seconds."))
    try:
        return work()
    finally:
        hands.give_back(1)


def _give_up(desks: list[_Desk], why: TxscopeError) -> None:
    for desk in desks:
        for errand in list(desk.errands.values()):
            errand.fail(why)
