"""Seven ways to get a Session to an endpoint, for `def` and for `async def`. What the page shows is their source below.

Each builder is given the application's sessionmaker and returns what an endpoint declares as its default. One of them
needs more: a middleware, which is put around the application.
"""
# ruff: noqa: N803, RET504, BLE001 (names, steps and errors are those of applications)

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_

Maker = sessionmaker[Session]
AsyncMaker = async_sessionmaker[AsyncSession]


def with_yield(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        # The same as try: yield session, finally: session.close(). The endpoint commits.
        with SessionLocal() as session:
            yield session

    db = Depends(get_db)
    return db


def no_finally(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        session = SessionLocal()
        yield session
        # An error in the endpoint is raised at the yield: this line is never reached.
        session.close()

    db = Depends(get_db)
    return db


def commit_after_yield(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session
            # The client has its response by now, whatever comes of this.
            session.commit()

    db = Depends(get_db)
    return db


def commit_in_finally(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        session = SessionLocal()
        try:
            yield session
        finally:
            # Also after an error: half of a failed request is committed.
            session.commit()
            session.close()

    db = Depends(get_db)
    return db


def swallow(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            try:
                yield session
                session.commit()
            except Exception:
                # Nobody hears of the error: FastAPI needs it raised again.
                session.rollback()

    db = Depends(get_db)
    return db


def function_scope(SessionLocal: Maker) -> Any:
    def get_db() -> Iterator[Session]:
        # Commits at the end of the block, rolls back if the endpoint raised.
        with SessionLocal.begin() as session:
            yield session

    # The code after yield runs before the response is sent.
    db = Depends(get_db, scope="function")
    return db


def middleware(app: FastAPI, SessionLocal: Maker) -> None:
    @app.middleware("http")
    async def open_session(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        with SessionLocal() as session:
            request.state.session = session
            # An HTTPException does not come out of here: it is a response by now.
            response = await call_next(request)
            session.commit()
            return response


def of_middleware(SessionLocal: Maker) -> Any:
    def get_db(request: Request) -> Session:
        session: Session = request.state.session
        return session

    db = Depends(get_db)
    return db


def with_yield_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        # The same as try: yield session, finally: await session.close(). The endpoint commits.
        async with SessionLocal() as session:
            yield session

    db = Depends(get_db)
    return db


def no_finally_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        session = SessionLocal()
        yield session
        # An error in the endpoint is raised at the yield: this line is never reached.
        await session.close()

    db = Depends(get_db)
    return db


def commit_after_yield_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session
            # The client has its response by now, whatever comes of this.
            await session.commit()

    db = Depends(get_db)
    return db


def commit_in_finally_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        session = SessionLocal()
        try:
            yield session
        finally:
            # Also after an error: half of a failed request is committed.
            await session.commit()
            await session.close()

    db = Depends(get_db)
    return db


def swallow_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            try:
                yield session
                await session.commit()
            except Exception:
                # Nobody hears of the error: FastAPI needs it raised again.
                await session.rollback()

    db = Depends(get_db)
    return db


def function_scope_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db() -> AsyncIterator[AsyncSession]:
        # Commits at the end of the block, rolls back if the endpoint raised.
        async with SessionLocal.begin() as session:
            yield session

    # The code after yield runs before the response is sent.
    db = Depends(get_db, scope="function")
    return db


def middleware_async(app: FastAPI, SessionLocal: AsyncMaker) -> None:
    @app.middleware("http")
    async def open_session(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        async with SessionLocal() as session:
            request.state.session = session
            # An HTTPException does not come out of here: it is a response by now.
            response = await call_next(request)
            await session.commit()
            return response


def of_middleware_async(SessionLocal: AsyncMaker) -> Any:
    async def get_db(request: Request) -> AsyncSession:
        session: AsyncSession = request.state.session
        return session

    db = Depends(get_db)
    return db


@dataclass(frozen=True, slots=True)
class Dependency:
    """One way to write get_db; title and sentence are translated where they are shown."""

    key: str
    title: str
    #: what is right or wrong with it
    sentence: str
    build: Callable[[Maker], Any]
    build_async: Callable[[AsyncMaker], Any]
    #: the endpoint calls commit(); otherwise the dependency does
    endpoint_commits: bool = False
    #: what is put around the application before, `def` and `async def`
    around: tuple[Callable[[FastAPI, Any], None], Callable[[FastAPI, Any], None]] | None = None


DEPENDENCIES = (
    Dependency(
        "with_yield",
        N_("with SessionLocal(), the endpoint commits"),
        N_("The Session is closed whatever happens, and the client is told what the commit came to."),
        with_yield,
        with_yield_async,
        endpoint_commits=True,
    ),
    Dependency(
        "no_finally",
        N_("close() after yield, without finally"),
        N_("Where the endpoint raises, nobody closes the Session, and its connection does not come back to the pool."),
        no_finally,
        no_finally_async,
        endpoint_commits=True,
    ),
    Dependency(
        "commit_after_yield",
        N_("commit() after yield"),
        N_("The commit runs after the response: the client is told 200 before anybody knows whether it fails."),
        commit_after_yield,
        commit_after_yield_async,
    ),
    Dependency(
        "commit_in_finally",
        N_("commit() in finally"),
        N_("It commits after errors, too; and where commit() itself raises, the close() below it is never reached."),
        commit_in_finally,
        commit_in_finally_async,
    ),
    Dependency(
        "swallow",
        N_("except: rollback(), and no raise"),
        N_("The dependency keeps the error to itself: a 404 becomes a 500, a failed commit stays a 200."),
        swallow,
        swallow_async,
    ),
    Dependency(
        "function_scope",
        N_('SessionLocal.begin() with scope="function"'),
        N_("The commit runs before the response: what the client is told is what the database holds."),
        function_scope,
        function_scope_async,
    ),
    Dependency(
        "middleware",
        N_("a middleware opens the Session and commits"),
        N_("An HTTPException is a response when the middleware sees it: what a 404 has written is committed."),
        of_middleware,
        of_middleware_async,
        around=(middleware, middleware_async),
    ),
)

_BY_KEY = {each.key: each for each in DEPENDENCIES}


def dependency(key: str) -> Dependency:
    """The dependency of this key. Raises KeyError."""
    return _BY_KEY[key]
