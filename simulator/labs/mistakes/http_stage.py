"""Puts a FastAPI application and its clients on a mistake's stage: the requests are HTTP requests on loopback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from simulator.history import History
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import Told
from simulator.labs.requests.client import Answer, Call, call
from simulator.labs.requests.observed import observe, observed_app, traced
from simulator.labs.requests.server import Served, serve
from simulator.lifecycle import RequestEnded

#: (application, sessionmaker) -> None; it adds endpoints
Build = Callable[[Any, sessionmaker[Session]], None]
#: (application, AsyncEngine, async_sessionmaker) -> None
BuildAsync = Callable[..., None]


def served(build: Build, settings: dict[str, Any], *rounds: Sequence[Call]) -> Callable[[Stage], None]:
    """A stage's `run` for an application with `def`: the calls of a round at once, one round after the other."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(**settings)  # noqa: N806
        app = observed_app(stage.recorder)
        build(app, SessionLocal)
        observe(app, stage.recorder)
        with serve(traced(app, stage.recorder)) as served:
            for calls in rounds:
                _send(stage, served, calls)

    return run


def served_async(build: BuildAsync, settings: dict[str, Any], *calls: Call) -> Callable[[Stage], None]:
    """The same for `async def`: the server's loop used the engine, so it is disposed there."""

    def run(stage: Stage) -> None:
        engine = stage.create_async_engine(**settings)
        app = observed_app(stage.recorder)
        build(app, engine, stage.async_session_maker)
        observe(app, stage.recorder)
        with serve(traced(app, stage.recorder)) as served:
            try:
                _send(stage, served, calls)
                stage.count_leaks()
            finally:
                served.run(stage.let_go())

    return run


def _send(stage: Stage, served: Served, calls: Sequence[Call]) -> None:
    """Send all at once; each client is told what came over its socket."""
    answers = call(served.url, calls)
    served.settle()
    errors = _errors(stage.recorder.history())
    for answer in answers:
        stage.tell(_told(answer, errors.get(answer.name, "")))


def _errors(history: History) -> dict[str, str]:
    """What was raised in each request, as `TimeoutError: …`."""
    ended = (event for event in history.events if isinstance(event, RequestEnded))
    return {event.request: event.error for event in ended if event.request}


def _told(answer: Answer, error: str) -> Told:
    """A client that was told 500 can read in the server's log why; one that was told 200 has no reason to look."""
    status = int(answer.told) if answer.told.isdigit() else 0
    name, _, text = error.partition(": ") if status >= 500 else ("", "", "")
    # SQLAlchemy appends the statement, which stands on the timeline.
    message = text.partition(" [SQL:")[0][:300]
    return Told(answer.name, status, answer=_text(answer.body), error=name, message=message)


def _text(body: Any) -> str:
    if isinstance(body, dict):
        return str(body.get("detail", body))
    return "" if body is None else str(body)
