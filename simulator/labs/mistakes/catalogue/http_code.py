"""The FastAPI applications of `http.py` with `def`: each mistake, and under the same name with `_fixed` its fix.

Their source is shown on the page. What a test or a server would pass to them, the lab passes.
"""
# ruff: noqa: B008, N803 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from simulator.labs.backend.models import Account, Conversation, Message, User


def no_finally(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        session = SessionLocal()
        yield session
        # An exception in the endpoint is raised at the yield: nobody comes here.
        session.close()

    @app.get("/conversations/{number}")
    def read_conversation(number: int, session: Session = Depends(get_db)) -> str:
        conversation = session.get(Conversation, number)
        if conversation is None:
            raise HTTPException(404)
        return conversation.title


def no_finally_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        session = SessionLocal()
        try:
            yield session
        finally:
            session.close()

    @app.get("/conversations/{number}")
    def read_conversation(number: int, session: Session = Depends(get_db)) -> str:
        conversation = session.get(Conversation, number)
        if conversation is None:
            raise HTTPException(404)
        return conversation.title


def thread_pool(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    # The engine: create_engine(url, pool_size=5, max_overflow=5). FastAPI: 40 threads.
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session

    @app.get("/messages")
    def count_messages(session: Session = Depends(get_db)) -> int:
        # The connection is held until get_db goes on. Before that, FastAPI validates
        # the response, and for a def endpoint it needs another thread to do so.
        return session.scalar(select(func.count(Message.id))) or 0


def thread_pool_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    # The engine: create_engine(url, pool_size=5, max_overflow=5). FastAPI: 40 threads.
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session

    @app.get("/messages")
    def count_messages(session: Session = Depends(get_db, max_concurrency=10)) -> int:
        # The eleventh request waits before get_db, and takes no thread while it waits.
        return session.scalar(select(func.count(Message.id))) or 0


def commit_after_yield(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session
            session.commit()

    @app.post("/users")
    def sign_up(email: str, session: Session = Depends(get_db)) -> str:
        # The INSERT is sent by the commit. The e-mail is taken: the commit fails.
        session.add(User(email=email, name="Ada L."))
        return f"Welcome, {email}!"


def commit_after_yield_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session
            session.commit()

    @app.post("/users")
    def sign_up(email: str, session: Session = Depends(get_db, scope="function")) -> str:
        # get_db goes on before the response is sent: its error is this request's error.
        session.add(User(email=email, name="Ada L."))
        return f"Welcome, {email}!"


def commit_in_finally(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        session = SessionLocal()
        try:
            yield session
        finally:
            session.commit()
            session.close()

    @app.post("/transfers")
    def transfer(payer: int, payee: int, amount: int, session: Session = Depends(get_db)) -> None:
        session.get_one(Account, payer).balance -= amount
        account = session.get(Account, payee)
        if account is None:
            raise HTTPException(404, "There is no such account.")
        account.balance += amount


def commit_in_finally_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        # Commits at the end of the block, rolls back if an exception passes through.
        with SessionLocal.begin() as session:
            yield session

    @app.post("/transfers")
    def transfer(payer: int, payee: int, amount: int, session: Session = Depends(get_db, scope="function")) -> None:
        session.get_one(Account, payer).balance -= amount
        account = session.get(Account, payee)
        if account is None:
            raise HTTPException(404, "There is no such account.")
        account.balance += amount


def middleware_session(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    @app.middleware("http")
    async def open_session(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        with SessionLocal() as session:
            request.state.session = session
            # An HTTPException does not come out of here: it is a response by now.
            response = await call_next(request)
            session.commit()
            return response

    @app.post("/messages")
    def post_message(agent: str, content: str, request: Request) -> None:
        session: Session = request.state.session
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        if agent != "Scout":
            raise HTTPException(404, "There is no such agent.")


def middleware_session_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        # An HTTPException is raised here, at the yield: begin() rolls back.
        with SessionLocal.begin() as session:
            yield session

    @app.post("/messages")
    def post_message(agent: str, content: str, session: Session = Depends(get_db, scope="function")) -> None:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        if agent != "Scout":
            raise HTTPException(404, "There is no such agent.")


def background_session(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal.begin() as session:
            yield session

    def summarise(session: Session, conversation_id: int) -> None:
        # The request's Session was closed. It begins anew, and nobody ends it.
        session.add(Message(conversation_id=conversation_id, role="assistant", content="Summary"))
        session.flush()

    @app.post("/messages")
    def post_message(
        content: str, tasks: BackgroundTasks, session: Session = Depends(get_db, scope="function")
    ) -> None:
        session.add(Message(conversation_id=1, role="user", content=content))
        tasks.add_task(summarise, session, 1)


def background_session_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal.begin() as session:
            yield session

    def summarise(conversation_id: int) -> None:
        with SessionLocal.begin() as own:
            own.add(Message(conversation_id=conversation_id, role="assistant", content="Summary"))

    @app.post("/messages")
    def post_message(
        content: str, tasks: BackgroundTasks, session: Session = Depends(get_db, scope="function")
    ) -> None:
        session.add(Message(conversation_id=1, role="user", content=content))
        tasks.add_task(summarise, 1)


def stream_session(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session

    @app.get("/export")
    def export(session: Session = Depends(get_db, scope="function")) -> StreamingResponse:
        def lines() -> Iterator[str]:
            # Read while the response is sent. get_db has closed the Session by then:
            # it begins anew, and nobody ends it.
            for content in session.scalars(select(Message.content).where(Message.conversation_id == 1)):
                yield f"{content}\n"

        return StreamingResponse(lines(), media_type="text/plain")


def stream_session_fixed(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session

    @app.get("/export")
    def export(session: Session = Depends(get_db)) -> StreamingResponse:
        def lines() -> Iterator[str]:
            # Read while the response is sent. get_db goes on after the response,
            # and closes the Session then.
            for content in session.scalars(select(Message.content).where(Message.conversation_id == 1)):
                yield f"{content}\n"

        return StreamingResponse(lines(), media_type="text/plain")
