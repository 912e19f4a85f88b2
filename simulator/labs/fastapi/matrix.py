"""Seven ways to get a Session × five ways in which an endpoint ends × sync or async: each cell is a run."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.engines.base import Engine
from simulator.history.schedule import History
from simulator.labs.backend.setup import setup
from simulator.labs.fastapi.application import Leak, open_application
from simulator.labs.fastapi.client import DISCONNECTED, Call, call
from simulator.labs.fastapi.dependencies import DEPENDENCIES, Dependency, dependency
from simulator.labs.fastapi.endings import ENDINGS, Ending, ending
from simulator.labs.fastapi.held import Held, held
from simulator.labs.fastapi.observed import observe
from simulator.labs.fastapi.order import order
from simulator.labs.place import Place, open_place

#: The request's name in its history.
REQUEST = "request 1"
#: The application's pool; one observer beside it.
POOL: dict[str, Any] = {"pool_size": 2, "max_overflow": 1, "pool_timeout": 1.0}
CONNECTIONS = 4
#: The backend's tables and rows without its documents; a message's conversation is looked up at COMMIT.
SETUP = (
    *setup()[:2],
    "ALTER TABLE messages ALTER CONSTRAINT messages_conversation_id_fkey DEFERRABLE INITIALLY DEFERRED",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one request came to, with this get_db and this ending."""

    dependency: str
    ending: str
    is_async: bool
    #: an HTTP status as text, `disconnected`, or `no answer`
    told: str
    #: the response's JSON, None where there was no response
    body: Any
    #: messages of this request that are committed
    rows: int
    leak: Leak
    #: what began after what, as observed
    order: tuple[str, ...]
    #: what the web server logged: `IntegrityError: …`
    log: tuple[str, ...]
    history: History
    code: str

    @property
    def succeeded(self) -> bool:
        """The client was told that it worked."""
        return self.told.startswith("2")

    @property
    def silent(self) -> bool:
        """The client was told one thing, and the database holds another."""
        return self.told != DISCONNECTED and self.succeeded != bool(self.rows)

    @property
    def leaks(self) -> bool:
        """Something is still held when the request has ended."""
        return bool(self.leak.connections or self.leak.transactions)

    @property
    def held(self) -> Held | None:
        """How long the connection was out; None where the request took none."""
        return held(self.history, REQUEST)


def run_cell(engine: Engine, dependency_key: str, ending_key: str, is_async: bool = False) -> Cell:
    """One request in a place of its own. Raises KeyError, EngineBusy, EngineError, RunError."""
    with open_place(engine, SETUP, CONNECTIONS) as place:
        return run_in(place, dependency(dependency_key), ending(ending_key), is_async)


def run_matrix(engine: Engine, kinds: Sequence[bool] = (False, True)) -> Iterator[Cell]:
    """All seventy, as they are done: by get_db, then by ending, sync before async (`kinds`: `is_async` or not).

    Raises like `run_cell`.
    """
    with open_place(engine, SETUP, CONNECTIONS) as place:
        for written in DEPENDENCIES:
            for end in ENDINGS:
                for is_async in kinds:
                    yield run_in(place, written, end, is_async)


def run_in(place: Place, written: Dependency, end: Ending, is_async: bool) -> Cell:
    """One request in a place that other cells use, too."""
    make: Callable[[Any], Any] = written.build_async if is_async else written.build
    build = end.build(endpoint_commits=written.endpoint_commits, is_async=is_async)
    # The one table serves many cells: each knows its own message.
    content = f"{written.key}, {end.key}, {'async' if is_async else 'sync'}"
    with open_application(place, is_async=is_async, **POOL) as opened:
        around = written.around[is_async] if written.around else None
        if around:
            around(opened.app, opened.session_local)
        db = make(opened.session_local)
        departure = opened.departure
        build(opened.app, db, (departure.llm_async if is_async else departure.llm)(opened.recorder))
        observe(opened.app, opened.recorder)
        leave_at = departure.reached if end.leaves else None
        (answer,) = call(opened.served.url, [Call(REQUEST, query={"content": content})], leave_at=leave_at)
        opened.served.settle()
        history = opened.recorder.history()
        return Cell(
            dependency=written.key,
            ending=end.key,
            is_async=is_async,
            told=answer.told,
            body=answer.body,
            rows=_stored(place, content),
            leak=opened.leak(),
            order=order(history, REQUEST),
            log=tuple(opened.served.log),
            history=history,
            code="\n\n".join(body_of(each) for each in (around, make, build) if each),
        )


def _stored(place: Place, content: str) -> int:
    """Committed messages of this content, also the model's answer to it."""
    with place.connect("look") as connection:
        found = connection.execute("SELECT count(*) FROM messages WHERE starts_with(content, %s)", (content,))
        return sum(int(count) for (count,) in found)


def body_of(builder: Callable[..., Any]) -> str:
    """The source inside of a builder, without its `return`: what one writes in an application."""
    source = textwrap.dedent(inspect.getsource(builder))
    node = ast.parse(source).body[0]
    if not isinstance(node, ast.FunctionDef) or node.returns is None:
        raise TypeError(f"{builder!r} is no builder")
    last = node.body[-1]
    end = last.lineno - 1 if isinstance(last, ast.Return) else None
    return textwrap.dedent("\n".join(source.splitlines()[node.returns.end_lineno : end])).strip()
