"""Many concurrent requests on one shared database, recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
import psycopg2
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.history.schedule import History
from simulator.i18n.text import N_
from simulator.labs.backend.documents import question
from simulator.labs.backend.setup import AGENTS, CONVERSATIONS, setup
from simulator.labs.place import Place, open_place
from simulator.labs.sessions.catalogue import Mix, RequestKind, deal
from simulator.labs.sessions.kinds import Job
from simulator.labs.sessions.kinds_async import AsyncJob
from simulator.labs.sessions.progress import Progress, RunStopped
from simulator.labs.sessions.settings import Settings
from simulator.recorder import BackendWatch, Recorder, trace

MAX_REQUESTS = 50
MAX_LLM_S = 5.0
#: of an answer that is streamed; together they take as long as one that is not
WORDS = ("An ", "answer, ", "word ", "by ", "word.")


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be run: so many requests of a mix, arriving evenly over `spread_s` seconds (0: all at once)."""

    mix: Mix
    requests: int = 12
    #: how long the model's service takes for one answer
    llm_s: float = 0.2
    spread_s: float = 0.0
    is_async: bool = False
    #: after half of the requests the server ends every connection, and the others find them dead in the pool
    kill_half_way: bool = False
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What happened; `kinds` are the requests' kinds in the order of their numbers."""

    load: Load
    kinds: tuple[RequestKind, ...]
    history: History
    #: rows of `messages` that the run added; None where nobody counted
    messages: int | None
    #: connections that were not back in the pool when every request had ended
    leaked: int
    #: connections that the server ended half-way
    killed: int = 0
    #: somebody stopped it: requests that had not ended then have no end in the history
    stopped: bool = False


def request_name(number: int) -> str:
    """As the recorder and the timeline call it."""
    return f"request {number}"


def run_load(engine: Engine, load: Load, progress: Progress | None = None) -> LoadResult:
    """Send the requests and wait for all of them, or until `progress` is stopped. Raises EngineBusy, EngineError.

    An error that SQLAlchemy raises, a time-out of the pool too, ends its request and is in the history.
    """
    kinds, going = deal(load.mix, load.requests), progress or Progress()
    with open_place(engine, setup(), load.settings.connections(load.requests) + 2) as place:
        before = _messages(place)
        send = _asynchronous if load.is_async else _threaded
        try:
            sent = send(place, load, kinds, going)
        finally:
            going.finish()
        messages = _messages(place) - before
        return LoadResult(load, kinds, sent.history, messages, sent.leaked, sent.killed, going.is_stopped)


def stopped(load: Load, progress: Progress) -> LoadResult:
    """Of a run that was stopped: what was recorded until then, while its requests still go home."""
    return LoadResult(load, deal(load.mix, load.requests), progress.history(), None, 0, stopped=True)


class _Sent(NamedTuple):
    """As in LoadResult."""

    history: History
    leaked: int
    killed: int


Wave = Sequence[tuple[int, RequestKind]]


def _waves(load: Load, kinds: Sequence[RequestKind]) -> list[Wave]:
    """Numbers and kinds of those that are on their way together: all, or half and half."""
    numbered = list(enumerate(kinds, start=1))
    half = (len(numbered) + 1) // 2
    waves = [numbered[:half], numbered[half:]] if load.kill_half_way else [numbered]
    return [wave for wave in waves if wave]


def _threaded(place: Place, load: Load, kinds: Sequence[RequestKind], going: Progress) -> _Sent:
    """A thread a request, as a server with a thread pool has it."""
    engine = place.create_engine(**load.settings.engine_arguments())
    event.listen(engine, "before_cursor_execute", going.check)
    session_local = sessionmaker(engine, **load.settings.session_arguments())
    with trace(engine, session_local) as recorder, BackendWatch(recorder.tape, lambda: place.connect("watch")):
        killed = 0
        going.follow(recorder)

        def request(gate: threading.Barrier, after_s: float, number: int, kind: RequestKind) -> None:
            gate.wait()
            with _told(kind):
                going.pause(after_s)
                _serve(recorder, session_local, _job(recorder, load, number, going), kind)

        for turn, wave in enumerate(_waves(load, kinds)):
            killed += place.end_backends() if turn and not going.is_stopped else 0
            gate, first = threading.Barrier(len(wave)), wave[0][0]
            with ThreadPoolExecutor(len(wave), thread_name_prefix="txscope-request") as threads:
                sent = [threads.submit(request, gate, _arrival(load, each[0], first), *each) for each in wave]
                for each in sent:
                    each.result()
    return _Sent(recorder.history(), int(engine.pool.checkedout()), killed)  # type: ignore[attr-defined]


def _serve(recorder: Recorder, session_local: sessionmaker[Session], job: Job, kind: RequestKind) -> None:
    with recorder.request(request_name(job.number), kind.key, kind.title):
        kind.run(session_local, job)


def _asynchronous(place: Place, load: Load, kinds: Sequence[RequestKind], going: Progress) -> _Sent:
    """A task a request, all in one thread, which is not the caller's: that one may have a loop of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix="txscope-loop") as loop:
        return loop.submit(asyncio.run, _tasks(place, load, kinds, going)).result()


async def _tasks(place: Place, load: Load, kinds: Sequence[RequestKind], going: Progress) -> _Sent:
    engine = place.create_async_engine(**load.settings.engine_arguments())
    event.listen(engine.sync_engine, "before_cursor_execute", going.check)
    pause = _pauses(going)
    session_local = async_sessionmaker(engine, **load.settings.session_arguments())
    try:
        with trace(engine, session_local) as recorder, BackendWatch(recorder.tape, lambda: place.connect("watch")):
            killed = 0
            going.follow(recorder)

            async def request(after_s: float, number: int, kind: RequestKind) -> None:
                with _told(kind):
                    await pause(after_s)
                    await _serve_async(recorder, session_local, _async_job(recorder, load, number, pause), kind)

            for turn, wave in enumerate(_waves(load, kinds)):
                killed += await asyncio.to_thread(place.end_backends) if turn and not going.is_stopped else 0
                async with asyncio.TaskGroup() as tasks:
                    for each in wave:
                        tasks.create_task(request(_arrival(load, each[0], wave[0][0]), *each))
            return _Sent(recorder.history(), int(engine.pool.checkedout()), killed)  # type: ignore[attr-defined]
    finally:
        await engine.dispose()


async def _serve_async(
    recorder: Recorder, session_local: async_sessionmaker[AsyncSession], job: AsyncJob, kind: RequestKind
) -> None:
    with recorder.request(request_name(job.number), kind.key, kind.title):
        await kind.run_async(session_local, job)


@contextmanager
def _told(kind: RequestKind) -> Iterator[None]:
    """An error ends its request, and the recorder has it; one that is no lesson ends the run."""
    # The drivers' own, too: a request that works on the driver's cursor is told by the driver that its connection died.
    lessons = (RunStopped, SQLAlchemyError, psycopg.Error, psycopg2.Error, kind.expected_error or SQLAlchemyError)
    try:
        yield
    except lessons:
        return


def _pauses(going: Progress) -> Callable[[float], Awaitable[None]]:
    """`Progress.pause` for the tasks of the loop that runs now."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits in it
            loop.call_soon_threadsafe(stopped.set)

    going.when_stopped(wake)

    async def pause(seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), seconds)
            raise RunStopped

    return pause


def _job(recorder: Recorder, load: Load, number: int, going: Progress) -> Job:
    def llm(_prompt: str) -> str:
        with recorder.work(N_("LLM"), "llm"):
            going.pause(load.llm_s)
        return "An answer."

    def stream(_prompt: str) -> Iterator[str]:
        with recorder.work(N_("LLM"), "llm"):
            for word in WORDS:
                going.pause(load.llm_s / len(WORDS))
                yield word

    return Job(number, *_subject(number), llm, stream, _sender(recorder))


def _async_job(recorder: Recorder, load: Load, number: int, pause: Callable[[float], Awaitable[None]]) -> AsyncJob:
    async def llm(_prompt: str) -> str:
        with recorder.work(N_("LLM"), "llm"):
            await pause(load.llm_s)
        return "An answer."

    async def stream(_prompt: str) -> AsyncIterator[str]:
        with recorder.work(N_("LLM"), "llm"):
            for word in WORDS:
                await pause(load.llm_s / len(WORDS))
                yield word

    return AsyncJob(number, *_subject(number), llm, stream, _sender(recorder))


def _sender(recorder: Recorder) -> Callable[[str], None]:
    """The way to the client; the first byte is the one that is seen."""
    sent: list[str] = []

    def send(data: str) -> None:
        if not sent:
            recorder.moment("response started", "200")
        sent.append(data)

    return send


def _subject(number: int) -> tuple[int, int, str]:
    """Conversation, agent and text of a request; requests take turns."""
    turn = number - 1
    return 1 + turn % CONVERSATIONS, 1 + turn % AGENTS, question(number)


def _arrival(load: Load, number: int, first: int) -> float:
    """Seconds after the request `first`."""
    return load.spread_s * (number - first) / max(1, load.requests - 1)


def _messages(place: Place) -> int:
    """On a connection of its own: what a run of a schedule may last, after which its observer answers no more, is less
    than fifty requests may wait for a model.
    """
    with place.connect("look") as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM messages").fetchall()
    return int(count)
