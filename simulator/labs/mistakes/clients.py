"""Clients of a demonstration: each request in a thread of its own, and what each client was told."""

from __future__ import annotations

import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from simulator.errors import RunError
from simulator.i18n.text import Text
from simulator.labs.mistakes.gate import DEADLINE_S
from simulator.labs.mistakes.told import Told, answered, failed
from simulator.recorder import Recorder

#: The client that this thread or task works for.
CLIENT: ContextVar[str | None] = ContextVar("txscope_client", default=None)


@dataclass(slots=True)
class Client:
    """What a request will be answered, unless it raises."""

    name: str
    answer: object = None


@dataclass(slots=True)
class Running:
    """A client at work in a thread of its own."""

    name: str
    _thread: threading.Thread
    _errors: list[BaseException]

    def join(self) -> None:
        """Wait for its end. Raises RunError after the deadline, and what the stage itself raised in the thread."""
        self._thread.join(DEADLINE_S)
        if self._thread.is_alive():
            raise RunError(Text.of("{name} did not come to an end in time.", name=self.name))
        if self._errors:
            raise self._errors[0]


class Clients(ABC):
    """Those of one run, and their threads."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._changed = threading.Condition()
        self._threads: list[Running] = []

    @property
    @abstractmethod
    def recorder(self) -> Recorder:
        """Where requests are noted."""

    @property
    def told(self) -> tuple[Told, ...]:
        """By client's name."""
        return tuple(sorted(self._told, key=lambda told: told.client))

    @contextmanager
    def client(self, name: str, title: str = "") -> Iterator[Client]:
        """A request of this client: set `answer`; an exception ends it, and the client is told 500."""
        client = Client(name)
        token = CLIENT.set(name)
        try:
            with self.recorder.request(name, title=title):
                yield client
        except RunError:
            raise
        except Exception as error:  # noqa: BLE001 (a web framework, too, answers 500 to whatever is raised)
            self.tell(failed(name, error))
        else:
            self.tell(answered(name, client.answer))
        finally:
            CLIENT.reset(token)

    def tell(self, told: Told) -> None:
        """A client has its answer."""
        with self._changed:
            self._told.append(told)
            self._changed.notify_all()

    def wait_told(self, count: int, outcome: str = "") -> None:
        """Wait until `count` clients have their answers (with this outcome). Raises RunError after the deadline."""

        def enough() -> bool:
            return sum(outcome in ("", told.outcome) for told in self._told) >= count

        with self._changed:
            if not self._changed.wait_for(enough, DEADLINE_S):
                raise RunError(Text.of("The clients were not answered in time."))

    def start(self, name: str, work: Callable[..., object], *arguments: Any) -> Running:
        """A client's request in a thread of its own: what `work` returns is its answer."""

        def request() -> None:
            with self.client(name) as client:
                client.answer = work(*arguments)

        return self.thread(name, request)

    def call(self, name: str, work: Callable[..., object], *arguments: Any) -> None:
        """The same, and wait for its end."""
        self.start(name, work, *arguments).join()

    def thread(self, name: str, work: Callable[[], object]) -> Running:
        """Other work in a thread: a server, a migration. It has the run's context; the run waits for its end."""
        errors: list[BaseException] = []

        def target() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 (join raises it where it can be told)
                errors.append(error)

        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(target,), name=f"txscope-mistake-{name}", daemon=True)
        running = Running(name, thread, errors)
        self._threads.append(running)
        thread.start()
        return running

    def join_all(self) -> None:
        """Wait for every thread. Raises RunError, or what a thread raised."""
        for running in self._threads:
            running.join()
