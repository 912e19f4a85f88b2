"""Changes that a Session does not see, writes too early, or leaves to the server to tell."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Agent, Conversation, User
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
AsyncSessions = async_sessionmaker[AsyncSession]


def remember_in_place(SessionLocal: Sessions, topic: str) -> str:
    with SessionLocal.begin() as session:
        agent = session.get_one(Agent, 1)
        # Inside of the dict that was loaded. The attribute itself is still the same dict.
        agent.state["topic"] = topic
    return f"remembered {topic}"


def remember_anew(SessionLocal: Sessions, topic: str) -> str:
    with SessionLocal.begin() as session:
        agent = session.get_one(Agent, 1)
        # A new dict is assigned: that is a change.
        agent.state = {**agent.state, "topic": topic}
    return f"remembered {topic}"


_TOPIC = Look(N_("The topic in the agent's state"), "SELECT state ->> 'topic' FROM agents WHERE id = 1")

JSON_IN_PLACE = Mistake(
    key="json_in_place",
    family="objects",
    title=N_("A JSON column is changed in place"),
    story=N_(
        "The agent shall remember a topic. It is written into the dict that was loaded, the block commits, and the "
        "client is told that it is remembered. No UPDATE was sent, and the row is as it was."
    ),
    why=N_(
        "A Session notices that an attribute is set. What happens inside of its value, a dict or a list, it does not "
        "see, so there is nothing to flush."
    ),
    cure=N_("Assign a new dict; or map the column as MutableDict.as_mutable(JSONB), which notices its own keys."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (remember_in_place,),
        'agent.state["topic"] = topic',
        lambda stage: stage.call("A", remember_in_place, stage.sessions(), "prices"),
        Expected({OK: 1}, ((None,),), answers={"A": "remembered prices"}),
        _TOPIC,
    ),
    fixed=Side(
        (remember_anew,),
        'agent.state = {**agent.state, "topic": topic}',
        lambda stage: stage.call("A", remember_anew, stage.sessions(), "prices"),
        Expected({OK: 1}, (("prices",),), answers={"A": "remembered prices"}),
        _TOPIC,
    ),
    silent=True,
    source="https://docs.sqlalchemy.org/en/21/orm/extensions/mutable.html",
    holds_for="SQLAlchemy 0.7",
)


def import_conversation_early(SessionLocal: Sessions, title: str, email: str) -> str:
    with SessionLocal.begin() as session:
        conversation = Conversation(agent_id=1, title=title)
        session.add(conversation)
        # A query flushes what is pending first: a conversation that has no user yet.
        conversation.user = session.scalars(select(User).where(User.email == email)).one()
    return "imported"


def import_conversation(SessionLocal: Sessions, title: str, email: str) -> str:
    with SessionLocal.begin() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        # The object is complete when it comes into the Session.
        session.add(Conversation(agent_id=1, title=title, user=user))
    return "imported"


_IMPORTED = Look(N_("Conversations imported"), "SELECT count(*) FROM conversations WHERE title = 'Imported'")

AUTOFLUSH_HALF_FILLED = Mistake(
    key="autoflush_half_filled",
    family="objects",
    title=N_("A query writes an object that is half filled"),
    story=N_(
        "A conversation is added, then its user is looked up by e-mail. The user exists, and yet the client is told an "
        "error, of the line that only reads: null value in column user_id. Nothing is stored."
    ),
    why=N_(
        "Autoflush: before a query the Session writes everything that was added, so that the query can see it. This "
        "object had no user_id at that moment."
    ),
    cure=N_("Look up first, and add() what is complete; or put the lookup into `with session.no_autoflush`."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (import_conversation_early,),
        "session.add(conversation)",
        lambda stage: stage.call("A", import_conversation_early, stage.sessions(), "Imported", "ada@example.com"),
        Expected({"NotNullViolation": 1}, ((0,),)),
        _IMPORTED,
    ),
    fixed=Side(
        (import_conversation,),
        "session.add(Conversation(agent_id=1, title=title, user=user))",
        lambda stage: stage.call("A", import_conversation, stage.sessions(), "Imported", "ada@example.com"),
        Expected({OK: 1}, ((1,),), answers={"A": "imported"}),
        _IMPORTED,
    ),
    source="https://docs.sqlalchemy.org/en/21/orm/session_basics.html#flushing",
)


async def instruct(SessionLocal: AsyncSessions, text: str) -> str:
    async with SessionLocal(expire_on_commit=False) as session:
        agent = await session.get_one(Agent, 1)
        agent.instructions = text
        await session.commit()
        # Nothing expires at the commit. But updated_at has onupdate=func.now(): only the server knows it.
        return f"changed at {agent.updated_at:%H:%M}"


async def instruct_refreshed(SessionLocal: AsyncSessions, text: str) -> str:
    async with SessionLocal(expire_on_commit=False) as session:
        agent = await session.get_one(Agent, 1)
        agent.instructions = text
        await session.flush()
        await session.refresh(agent, ["updated_at"])
        await session.commit()
        return f"changed at {agent.updated_at:%H:%M}"


def _instructing(stage: Stage, work: Callable[[AsyncSessions, str], Awaitable[str]]) -> None:
    SessionLocal = stage.async_session_maker(stage.create_async_engine())  # noqa: N806

    async def request() -> None:
        with stage.client("A") as client:
            client.answer = await work(SessionLocal, "Be brief.")

    stage.run_async(request)


_INSTRUCTED = Look(N_("Agents that are instructed so"), "SELECT count(*) FROM agents WHERE instructions = 'Be brief.'")

ONUPDATE_ASYNC = Mistake(
    key="onupdate_async",
    family="asynchronous",
    title=N_("A column that the server fills expires at the flush"),
    story=N_(
        "expire_on_commit is off, as it should be with asyncio. An agent is changed and committed; then the answer "
        "reads updated_at, and the client is told 500, for MissingGreenlet. The change is stored all the same."
    ),
    why=N_(
        "The UPDATE sets updated_at to now() on the server. The Session does not know the value, so the flush expires "
        "that one attribute, and reading it would be a SELECT without an await."
    ),
    cure=N_(
        'await session.refresh(agent, ["updated_at"]) before the commit; or __mapper_args__ = {"eager_defaults": True}'
        ", which lets the UPDATE return it; or set the time in Python."
    ),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (instruct,),
        'return f"changed at {agent.updated_at:%H:%M}"',
        lambda stage: _instructing(stage, instruct),
        Expected({"MissingGreenlet": 1}, ((1,),)),
        _INSTRUCTED,
    ),
    fixed=Side(
        (instruct_refreshed,),
        'await session.refresh(agent, ["updated_at"])',
        lambda stage: _instructing(stage, instruct_refreshed),
        Expected({OK: 1}, ((1,),)),
        _INSTRUCTED,
    ),
    source="https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession",
    holds_for="SQLAlchemy 1.4",
)

MISTAKES = (JSON_IN_PLACE, AUTOFLUSH_HALF_FILLED, ONUPDATE_ASYNC)
