"""Puts a FastAPI application and its clients on a mistake's stage: the requests are HTTP requests on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from simulator.history.application import RequestEnded
from simulator.history.schedule import History
from simulator.i18n.text import N_
from simulator.labs.fastapi.client import Answer, Call, call
from simulator.labs.fastapi.observed import observe, observed_app
from simulator.labs.fastapi.server import Served, serve
from simulator.labs.mistakes.clients import Running
from simulator.labs.mistakes.gate import Gate
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import Told
from simulator.recorder import TraceMiddleware
from simulator.recorder.middleware import HEADER, Application, Message, Receive, Send

#: (application, sessionmaker) -> None; it adds endpoints
Build = Callable[[Any, sessionmaker[Session]], None]
#: (application, AsyncEngine, async_sessionmaker) -> None
BuildAsync = Callable[..., None]
#: (application, sessionmaker, the model's service) -> None
BuildWithModel = Callable[[Any, Any, Any], None]


def served(build: Build, settings: dict[str, Any], *rounds: Sequence[Call]) -> Callable[[Stage], None]:
    """A stage's `run` for an application with `def`: the calls of a round at once, one round after the other."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(**settings)  # noqa: N806
        app = observed_app(stage.recorder)
        build(app, SessionLocal)
        observe(app, stage.recorder)
        with serve(TraceMiddleware(app, stage.recorder)) as served:
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
        with serve(TraceMiddleware(app, stage.recorder)) as served:
            try:
                _send(stage, served, calls)
                stage.count_leaks()
            finally:
                served.run(stage.let_go())

    return run


class ServedStage:
    """A stage whose clients send HTTP requests one by one, where the order of their parts is made by gates."""

    def __init__(self, stage: Stage, slow: _SlowClients, served: Served) -> None:
        self._stage = stage
        self._slow = slow
        self._served = served
        self._answers: list[Answer] = []

    def gate(self, where: str, sql: str = "") -> Gate:
        """As the stage's, for whichever request comes by."""
        return self._stage.gate(where, sql=sql)

    def slow_client(self, name: str) -> Gate:
        """The end of this client's response is held back on its way until the gate is opened."""
        return self._slow.gate(name)

    def start_call(self, sent: Call) -> Running:
        """Send a request; its client has its answer when the thread has come to its end."""
        return self._stage.thread(sent.name, lambda: self._answers.extend(call(self._served.url, [sent])))

    def call_now(self, sent: Call) -> None:
        """The same, and wait for the answer."""
        self.start_call(sent).join()

    def wait_ended(self, name: str) -> None:
        """Wait until the request has ended, with what comes behind its response. Raises RunError."""
        self._stage.wait_ended(name)

    def tell(self) -> None:
        """When all have been answered: each client is told what came over its socket. Raises RunError."""
        self._served.settle()
        _tell(self._stage, self._answers)


def staged(
    build: BuildWithModel, settings: dict[str, Any], run: Callable[[ServedStage], None]
) -> Callable[[Stage], None]:
    """A stage's `run` for an application with `def`, whose model is the stage's."""

    def on(stage: Stage) -> None:
        SessionLocal = stage.sessions(**settings)  # noqa: N806
        app, slow = observed_app(stage.recorder), _SlowClients(stage)
        build(app, SessionLocal, stage.llm)
        observe(app, stage.recorder)
        with serve(TraceMiddleware(slow.around(app), stage.recorder)) as served:
            _run_on(ServedStage(stage, slow, served), run)

    return on


def staged_async(
    build: BuildWithModel, settings: dict[str, Any], run: Callable[[ServedStage], None]
) -> Callable[[Stage], None]:
    """The same for `async def`, whose model answers word by word."""

    def on(stage: Stage) -> None:
        engine = stage.create_async_engine(**settings)
        app, slow = observed_app(stage.recorder), _SlowClients(stage)
        build(app, stage.async_session_maker(engine), stage.words)
        observe(app, stage.recorder)
        with serve(TraceMiddleware(slow.around(app), stage.recorder)) as served:
            try:
                _run_on(ServedStage(stage, slow, served), run)
                stage.count_leaks()
            finally:
                served.run(stage.let_go())

    return on


def _run_on(stage: ServedStage, run: Callable[[ServedStage], None]) -> None:
    run(stage)
    stage.tell()


class _SlowClients:
    """Clients that read slowly: the last of their response waits at a gate."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._gates: dict[str, Gate] = {}

    def gate(self, name: str) -> Gate:
        """Where the response of this client will wait."""
        return self._gates.setdefault(name, Gate(N_("slow client")))

    def around(self, app: Application) -> Application:
        """The application, seen through their lines."""

        async def passing(scope: Message, receive: Receive, send: Send) -> None:
            gate = self._gates.get(dict(scope["headers"]).get(HEADER, b"").decode())

            async def slowly(message: Message) -> None:
                if gate is not None and message["type"] == "http.response.body" and not message.get("more_body"):
                    self._stage.moment(N_("gate"), N_("slow client"))
                    # Not a thread of the pool that runs the endpoints: those are what is looked at.
                    await asyncio.to_thread(gate.stop)
                await send(message)

            await app(scope, receive, slowly)

        return passing


def _send(stage: Stage, served: Served, calls: Sequence[Call]) -> None:
    """Send all at once; each client is told what came over its socket."""
    answers = call(served.url, calls)
    served.settle()
    _tell(stage, answers)


def _tell(stage: Stage, answers: Sequence[Answer]) -> None:
    errors = _errors(stage.recorder.history())
    for answer in answers:
        stage.tell(_told(answer, errors.get(answer.name)))


def _errors(history: History) -> dict[str, RequestEnded]:
    """How each request ended."""
    ended = (event for event in history.events if isinstance(event, RequestEnded))
    return {event.request: event for event in ended if event.request}


def _told(answer: Answer, end: RequestEnded | None) -> Told:
    """A client that was told 500 can read in the server's log why; one that was told 200 has no reason to look."""
    status = int(answer.told) if answer.told.isdigit() else 0
    if end is None or status < 500:
        return Told(answer.name, status, answer=_text(answer.body))
    # SQLAlchemy appends the statement, which stands on the timeline.
    message = end.error.removeprefix(f"{end.error_class}: ").partition(" [SQL:")[0][:300]
    return Told(
        answer.name,
        status,
        answer=_text(answer.body),
        error=end.error_class,
        message=message,
        cause=end.cause_class,
        sqlstate=end.sqlstate,
    )


def _text(body: Any) -> str:
    if isinstance(body, dict):
        return str(body.get("detail", body))
    return "" if body is None else str(body)
