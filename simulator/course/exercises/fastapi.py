"""FastAPI: where a request commits, and what a streamed answer holds."""
# ruff: noqa: B008, N803 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import MappingProxyType

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simulator.course.exercises.entry import Blank, Choice, Exercise, Option, Tried, Wanted, judged
from simulator.engines.base import Engine
from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Account, Message
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.matrix import Cell, run_cell
from simulator.labs.mistakes.catalogue.streaming import POOL, STREAMING_ANSWER, chat_holding, two_streams
from simulator.labs.mistakes.entry import Expected, Side
from simulator.labs.mistakes.http_stage import BuildWithModel, staged_async
from simulator.labs.mistakes.run import run_side
from simulator.labs.mistakes.told import OK

Llm = Callable[[str], AsyncIterator[str]]

#: How the endpoint may end; what it is told in each must be what is stored.
_ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "ok": N_("returns"),
        "not_found": N_("raises HTTPException(404)"),
        "error": N_("raises RuntimeError"),
        "commit_fails": N_("meets a commit that fails"),
    }
)
_STORED, _NOT_STORED = Text(N_("stored")), Text(N_("not stored"))


#: The lab's first one is right, and what stands first is chosen until somebody chooses.
_WAYS = (*DEPENDENCIES[1:], DEPENDENCIES[0])


def _commit_place(engine: Engine, choice: Choice) -> Tried:
    """Right where no client is told one thing while the database holds another, and nothing is left held."""
    cells = [run_cell(engine, choice["get_db"], ending) for ending in _ENDINGS]
    wrong = [reason for cell in cells for reason in _wrong(cell)]
    shown = next((cell for cell in cells if cell.silent or cell.leaks), cells[-1])
    right = Text.of("In all {number} endings the client was told what is stored.", number=len(cells))
    return Tried(not wrong, tuple(wrong) or (right,), shown.code, (), shown.history)


def _wrong(cell: Cell) -> Iterator[Text]:
    title = Text(_ENDINGS[cell.ending])
    if cell.silent:
        yield Text.of(
            "An endpoint that {ending}: the client was told {told}, and what it wrote is {stored}.",
            ending=title,
            told=cell.told,
            stored=_STORED if cell.rows else _NOT_STORED,
        )
    if cell.leaks:
        yield Text.of("An endpoint that {ending}: its connection is still out.", ending=title)


_PLACE = Exercise(
    "commit_place",
    (Blank("get_db", "get_db", tuple(Option(each.key, each.title, is_text=True) for each in _WAYS)),),
    _commit_place,
)


def chat_expunging(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db)) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()
        session.expunge_all()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            session.add(Message(conversation_id=1, role="assistant", content="answered"))
            await session.commit()

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def chat_committing(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db)) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()
        await session.commit()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            session.add(Message(conversation_id=1, role="assistant", content="answered"))
            await session.commit()

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def chat_function(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db, scope="function")) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            # The scope has closed that Session: what is stored at the end has one of its own.
            async with SessionLocal.begin() as own:
                own.add(Message(conversation_id=1, role="assistant", content="answered"))

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def chat_function_expunging(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db, scope="function")) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()
        session.expunge_all()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            # The scope has closed that Session: what is stored at the end has one of its own.
            async with SessionLocal.begin() as own:
                own.add(Message(conversation_id=1, role="assistant", content="answered"))

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def chat_function_committing(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db, scope="function")) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()
        await session.commit()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            # The scope has closed that Session: what is stored at the end has one of its own.
            async with SessionLocal.begin() as own:
                own.add(Message(conversation_id=1, role="assistant", content="answered"))

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


_CHAT = "async def chat(question: str, session: AsyncSession = Depends(get_db{scope})) -> StreamingResponse:"
_REQUEST, _FUNCTION = "Depends(get_db)", 'Depends(get_db, scope="function")'
_OF_FUNCTION = _CHAT.format(scope=', scope="function"')
#: By scope and by what stands before the first byte: the application, and its line that decides.
_STREAMS: Mapping[tuple[str, str], tuple[BuildWithModel, str]] = MappingProxyType(
    {
        ("request", "none"): (chat_holding, _CHAT.format(scope="")),
        ("request", "expunge"): (chat_expunging, "session.expunge_all()"),
        ("request", "commit"): (chat_committing, "await session.commit()"),
        ("function", "none"): (chat_function, _OF_FUNCTION),
        ("function", "expunge"): (chat_function_expunging, _OF_FUNCTION),
        ("function", "commit"): (chat_function_committing, _OF_FUNCTION),
    }
)


def _scope(engine: Engine, choice: Choice) -> Tried:
    """Right where a third request has its answer while two others are being streamed, over a pool of two."""
    build, line = _STREAMS[choice["scope"], choice["before"]]
    side = Side(
        (build,), line, staged_async(build, POOL, two_streams), Expected({OK: 3}), STREAMING_ANSWER.mistake.look
    )
    return judged(side, run_side(engine, side), Wanted(3, ((2,),)))


_SCOPE = Exercise(
    "scope",
    (
        Blank("scope", N_("The scope"), (Option("request", _REQUEST), Option("function", _FUNCTION))),
        Blank(
            "before",
            N_("Before the first byte"),
            (
                Option("none", N_("nothing"), is_text=True),
                Option("expunge", "session.expunge_all()"),
                Option("commit", "await session.commit()"),
            ),
        ),
    ),
    _scope,
)

EXERCISES = (_PLACE, _SCOPE)
