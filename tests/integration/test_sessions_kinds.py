"""Each request of the Session lifecycle lab leaves exactly the rows that it should, on psycopg2 and on asyncio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from simulator.engines.base import Engine
from simulator.labs.backend.documents import QUESTIONS
from simulator.labs.backend.models import Account, Agent, Base, Conversation, Document, Message, User
from simulator.labs.backend.setup import AGENTS, CONVERSATIONS, RESERVE, setup
from simulator.labs.place import Place, open_place
from simulator.labs.sessions import kinds
from simulator.labs.sessions.catalogue import KINDS, RequestKind, kind
from simulator.labs.sessions.kinds import HISTORY, PRICE, Job
from simulator.labs.sessions.kinds_async import AsyncJob

TEXT = "connection pool size"
CONVERSATION = 7
AGENT = 3
#: kinds that leave no row changed: they read, take back what they wrote, or raise each time
READING, FAILING = {"search_knowledge", "all_states", "use_after_close", "set_tenant"}, {"failing_request"}


class Runner(Protocol):
    """Runs one request: on psycopg2 in this thread, or on psycopg 3 in an event loop."""

    def __call__(self, kind: RequestKind, number: int = 1) -> object: ...


#: Other connections to this database that are.
IDLE_IN_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
    "AND datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class Backend:
    """The product's database in a schema of its own, with a sessionmaker for a look at it."""

    place: Place
    look: sessionmaker[Session]

    def state(self) -> dict[str, list[tuple[object, ...]]]:
        """The rows of every table but the search vectors."""
        with self.look() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table).order_by(table.c.id))]
                for table in Base.metadata.sorted_tables
                if table.name != "documents"
            }


@pytest.fixture
def backend(engine: Engine) -> Iterator[Backend]:
    with open_place(engine, setup(), 12) as place:
        yield Backend(place, sessionmaker(place.quiet_engine()))


@pytest.fixture(params=["psycopg2", "asyncio"])
def run(request: pytest.FixtureRequest, backend: Backend) -> Runner:
    return _threaded(backend) if request.param == "psycopg2" else _awaited(backend)


def _threaded(backend: Backend) -> Runner:
    def run(kind: RequestKind, number: int = 1) -> object:
        made = backend.place.create_engine()
        try:
            return kind.run(sessionmaker(made), Job(number, CONVERSATION, AGENT, TEXT, _answer))
        finally:
            assert made.pool.checkedout() == 0
            made.dispose()

    return run


def _awaited(backend: Backend) -> Runner:
    async def answer(prompt: str) -> str:
        return _answer(prompt)

    async def go(kind: RequestKind, number: int) -> object:
        made = backend.place.create_async_engine()
        try:
            return await kind.run_async(async_sessionmaker(made), AsyncJob(number, CONVERSATION, AGENT, TEXT, answer))
        finally:
            assert made.pool.checkedout() == 0
            await made.dispose()

    return lambda kind, number=1: asyncio.run(go(kind, number))


def _answer(prompt: str) -> str:
    return f"Read {len(prompt.splitlines())} messages."


def _messages(backend: Backend) -> list[tuple[str, str]]:
    """What was said in the conversation after its two first messages."""
    with backend.look() as session:
        said = select(Message.role, Message.content).where(Message.conversation_id == CONVERSATION)
        return [tuple(row) for row in session.execute(said.order_by(Message.id).offset(2))]


def test_the_schema_is_the_models(engine: Engine, backend: Backend) -> None:
    """The tables of schema.sql and those that the models' metadata makes are the same to SQLAlchemy's inspector."""
    with open_place(engine, (), 1) as other:
        made = other.quiet_engine()
        Base.metadata.create_all(made, checkfirst=False)
        wanted = _described(made)
    assert _described(backend.place.quiet_engine()) == wanted


def _described(connection: object) -> dict[str, object]:
    seen = inspect(connection)
    return {
        table: {
            "columns": [{**column, "type": str(column["type"])} for column in seen.get_columns(table)],
            "primary key": seen.get_pk_constraint(table),
            "foreign keys": sorted(seen.get_foreign_keys(table), key=str),
            "unique": sorted(seen.get_unique_constraints(table), key=str),
            "checks": sorted(seen.get_check_constraints(table), key=str),
            "indexes": sorted(seen.get_indexes(table), key=str),
        }
        for table in sorted(seen.get_table_names())
    }


def test_the_seed_is_what_the_constants_say(backend: Backend) -> None:
    counts = {User: 4, Agent: AGENTS, Conversation: CONVERSATIONS, Account: RESERVE, Document: 400}
    with backend.look() as session:
        for entity, count in counts.items():
            assert list(session.scalars(select(entity.id).order_by(entity.id))) == list(range(1, count + 1))
        assert session.get_one(Account, RESERVE).owner == "Reserve"
        for agent in session.scalars(select(Agent)):
            assert session.get_one(Account, agent.id).owner == agent.name


def test_a_balance_cannot_fall_below_zero(backend: Backend) -> None:
    with backend.look() as session:
        session.get_one(Account, RESERVE).balance -= 1
        with pytest.raises(IntegrityError, match="accounts_balance_check"):
            session.commit()


@pytest.mark.parametrize("each", KINDS, ids=[it.key for it in KINDS])
def test_read_only_and_failing_kinds_change_nothing_and_all_others_do(
    backend: Backend, run: Runner, each: RequestKind
) -> None:
    before = backend.state()
    if each.key in FAILING:
        assert each.expected_error is not None
        with pytest.raises(each.expected_error):
            run(each)
    else:
        run(each)
    assert (backend.state() == before) == (each.key in READING | FAILING)


def test_a_message_is_saved(backend: Backend, run: Runner) -> None:
    run(kind("save_message"))
    assert _messages(backend) == [("user", TEXT)]


def test_the_knowledge_base_answers_with_the_five_best(run: Runner) -> None:
    found = run(kind("search_knowledge"))
    assert isinstance(found, list)
    assert len(found) == 5
    assert all(title.startswith("Connection pool size: ") for title in found)


def test_every_question_finds_something_by_the_index(backend: Backend) -> None:
    with backend.look() as session:
        for question in QUESTIONS:
            query = func.websearch_to_tsquery("english", question)
            assert session.scalar(select(func.count()).where(Document.search.bool_op("@@")(query))), question
        plan = session.execute(
            text("EXPLAIN SELECT title FROM documents WHERE search @@ websearch_to_tsquery('english', :question)"),
            {"question": TEXT},
        )
        assert "documents_search_idx" in "\n".join(plan.scalars())


@pytest.mark.parametrize("key", ["append_history_commits", "append_history_add_all", "append_history_bulk"])
def test_a_history_is_stored_whole_and_in_order(backend: Backend, run: Runner, key: str) -> None:
    run(kind(key))
    wanted = [(row["role"], row["content"]) for row in kinds.imported_history(CONVERSATION, TEXT)]
    assert _messages(backend) == wanted
    assert len(wanted) == HISTORY


def test_the_agents_state_and_version_move_together(backend: Backend, run: Runner) -> None:
    run(kind("update_agent_state"), 1)
    run(kind("update_agent_state"), 2)
    with backend.look() as session:
        agent = session.get_one(Agent, AGENT)
        assert (agent.state, agent.version) == ({"last_request": 2, "topic": TEXT}, 3)
        assert {it.version for it in session.scalars(select(Agent)) if it.id != AGENT} == {1}


def test_the_slower_of_two_updates_is_refused(backend: Backend) -> None:
    with backend.look() as slower:
        agent = slower.get_one(Agent, AGENT)
        _threaded(backend)(kind("update_agent_state"))
        agent.state = {"last_request": 2}
        with pytest.raises(StaleDataError):
            slower.commit()
    assert kind("update_agent_state").expected_error is StaleDataError


def test_a_transfer_moves_credits_and_makes_none(backend: Backend, run: Runner) -> None:
    run(kind("transfer"))
    with backend.look() as session:
        assert session.get_one(Account, AGENT).balance == 1000 - PRICE
        assert session.get_one(Account, RESERVE).balance == PRICE
        assert session.scalar(select(func.sum(Account.balance))) == 1000 * AGENTS


def test_a_failing_request_fails_for_the_reason_it_says(backend: Backend, run: Runner) -> None:
    with pytest.raises(json.JSONDecodeError):
        run(kind("failing_request"))
    assert _messages(backend) == []
    # It had been sent: the number that the INSERT took is not given out again.
    run(kind("save_message"))
    with backend.look() as session:
        assert session.scalar(select(func.max(Message.id))) == 2 * CONVERSATIONS + 2


@pytest.mark.parametrize("key", ["llm_inside", "llm_outside"])
def test_the_answer_of_the_model_is_saved(backend: Backend, run: Runner, key: str) -> None:
    run(kind(key))
    assert _messages(backend) == [("assistant", "Read 3 messages.")]


@pytest.mark.parametrize("key", ["sse_chat", "sse_chat_outside"])
def test_a_streamed_answer_is_sent_word_by_word_and_saved_at_its_end(backend: Backend, run: Runner, key: str) -> None:
    assert run(kind(key)) == "An answer."
    assert _messages(backend) == [("assistant", "An answer.")]


@pytest.mark.parametrize(("key", "held"), [("sse_chat", 1), ("sse_chat_outside", 0)])
def test_a_connection_is_out_between_two_words_or_is_not(backend: Backend, key: str, held: int) -> None:
    during: list[tuple[int, int]] = []
    made = backend.place.create_engine()

    def words(prompt: str) -> Iterator[str]:
        for word in ("An", "answer."):
            with backend.look() as session:
                during.append((made.pool.checkedout(), session.scalar(IDLE_IN_TRANSACTION)))
            yield word

    kind(key).run(sessionmaker(made), Job(1, CONVERSATION, AGENT, TEXT, _answer, words))
    made.dispose()
    assert during == [(held, held)] * 2


@pytest.mark.parametrize(("key", "held"), [("sse_chat", 1), ("sse_chat_outside", 0)])
def test_a_connection_is_out_while_a_word_is_awaited_or_is_not(backend: Backend, key: str, held: int) -> None:
    during: list[int] = []

    async def go() -> None:
        made = backend.place.create_async_engine()

        async def answer(prompt: str) -> str:
            return _answer(prompt)

        async def words(prompt: str) -> AsyncIterator[str]:
            for word in ("An", "answer."):
                during.append(made.pool.checkedout())
                yield word

        job = AsyncJob(1, CONVERSATION, AGENT, TEXT, answer, words)
        await kind(key).run_async(async_sessionmaker(made), job)
        await made.dispose()

    asyncio.run(go())
    assert during == [held, held]


@pytest.mark.parametrize(("key", "held"), [("llm_inside", 1), ("llm_outside", 0)])
def test_a_connection_is_held_during_the_call_or_is_not(backend: Backend, key: str, held: int) -> None:
    during: list[int] = []
    made = backend.place.create_engine()

    def thinking(prompt: str) -> str:
        during.append(made.pool.checkedout())
        return "42"

    kind(key).run(sessionmaker(made), Job(1, CONVERSATION, AGENT, TEXT, thinking))
    made.dispose()
    assert during == [held]


@pytest.mark.parametrize(("key", "held"), [("llm_inside", 1), ("llm_outside", 0)])
def test_a_connection_is_held_while_the_call_is_awaited_or_is_not(backend: Backend, key: str, held: int) -> None:
    during: list[int] = []

    async def go() -> None:
        made = backend.place.create_async_engine()

        async def thinking(prompt: str) -> str:
            during.append(made.pool.checkedout())
            return "42"

        await kind(key).run_async(async_sessionmaker(made), AsyncJob(1, CONVERSATION, AGENT, TEXT, thinking))
        await made.dispose()

    asyncio.run(go())
    assert during == [held]


def test_many_transfers_at_once_lose_nothing_and_never_deadlock(backend: Backend) -> None:
    made = backend.place.create_engine(pool_size=8)

    def pay(number: int) -> None:
        for _ in range(5):
            kinds.transfer(sessionmaker(made), Job(number, CONVERSATION, number % AGENTS + 1, TEXT, _answer))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pay, range(8)))
    made.dispose()
    with backend.look() as session:
        assert session.get_one(Account, RESERVE).balance == 8 * 5 * PRICE
