"""The kinds of request and the mixes of them: the page, the load and the tests read these tables."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from json import JSONDecodeError

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from simulator.i18n.text import N_
from simulator.labs.sessions import kinds, kinds_async
from simulator.labs.sessions.kinds import Job
from simulator.labs.sessions.kinds_async import AsyncJob

Run = Callable[[sessionmaker[Session], Job], object]
RunAsync = Callable[[async_sessionmaker[AsyncSession], AsyncJob], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request; title and sentence are translated where they are shown."""

    key: str
    title: str
    #: what happens to the Session
    sentence: str
    run: Run
    run_async: RunAsync
    #: what such a request may raise as part of its lesson; anything else is a surprise
    expected_error: type[Exception] | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """Kinds by key with their weights: of the sum of the weights, so many requests are of that kind."""

    key: str
    title: str
    weights: tuple[tuple[str, int], ...]


KINDS = (
    RequestKind(
        "save_message",
        N_("Save a message"),
        N_("A Session is created, adds one object, commits and is closed."),
        kinds.save_message,
        kinds_async.save_message,
    ),
    RequestKind(
        "search_knowledge",
        N_("Query the knowledge base"),
        N_("Reads only; yet the first SELECT begins a transaction, which close() rolls back."),
        kinds.search_knowledge,
        kinds_async.search_knowledge,
    ),
    RequestKind(
        "append_history_commits",
        N_("Append a history, a commit each"),
        N_("500 messages in 500 transactions: every one waits for its own COMMIT."),
        kinds.append_history_commits,
        kinds_async.append_history_commits,
    ),
    RequestKind(
        "append_history_add_all",
        N_("Append a history, one commit"),
        N_("500 objects in one transaction: one flush writes them all."),
        kinds.append_history_add_all,
        kinds_async.append_history_add_all,
    ),
    RequestKind(
        "append_history_bulk",
        N_("Append a history, rows without objects"),
        N_("500 rows in one execute(): the Session keeps no object of them."),
        kinds.append_history_bulk,
        kinds_async.append_history_bulk,
    ),
    RequestKind(
        "update_agent_state",
        N_("Update an agent's state"),
        N_("Loads, changes and commits; the version column refuses the slower of two requests."),
        kinds.update_agent_state,
        kinds_async.update_agent_state,
        expected_error=StaleDataError,
    ),
    RequestKind(
        "transfer",
        N_("Transfer credits"),
        N_("Locks two accounts in one order; all transfers wait for one row, the reserve."),
        kinds.transfer,
        kinds_async.transfer,
    ),
    RequestKind(
        "failing_request",
        N_("Fail and roll back"),
        N_("Raises after the flush: the INSERT was sent, and no row is left."),
        kinds.failing_request,
        kinds_async.failing_request,
        expected_error=JSONDecodeError,
    ),
    RequestKind(
        "llm_inside",
        N_("Call an LLM inside the transaction"),
        N_("The connection is held, idle in transaction, for as long as the model thinks."),
        kinds.llm_inside,
        kinds_async.llm_inside,
    ),
    RequestKind(
        "llm_outside",
        N_("Call an LLM outside the transaction"),
        N_("Commits before the call: the connection goes back to the pool, and is taken again for the answer."),
        kinds.llm_outside,
        kinds_async.llm_outside,
    ),
    RequestKind(
        "sse_chat",
        N_("SSE chat"),
        N_("The answer is streamed, and the connection is held, idle in transaction, to its last byte."),
        kinds.sse_chat,
        kinds_async.sse_chat,
    ),
    RequestKind(
        "sse_chat_outside",
        N_("SSE chat, the transaction ended first"),
        N_("Commits before the first byte: the connection is in the pool while the answer is streamed."),
        kinds.sse_chat_outside,
        kinds_async.sse_chat_outside,
    ),
    RequestKind(
        "save_and_count",
        N_("Save, count, read again"),
        N_("autoflush decides what the count sees, expire_on_commit whether the last line is a SELECT."),
        kinds.save_and_count,
        kinds_async.save_and_count,
    ),
    RequestKind(
        "all_states",
        N_("One object through every state"),
        N_("transient, pending, persistent, expired, deleted, detached: each call moves it into the next."),
        kinds.all_states,
        kinds_async.all_states,
    ),
    RequestKind(
        "use_after_close",
        N_("Use a Session after close()"),
        N_("close_resets_only decides whether it begins again, silently, or refuses."),
        kinds.use_after_close,
        kinds_async.use_after_close,
    ),
    RequestKind(
        "set_tenant",
        N_("Set a tenant on the connection"),
        N_("reset_on_return decides whether the next request works for the last one's tenant."),
        kinds.set_tenant,
        kinds_async.set_tenant,
        expected_error=kinds.TenantLeakError,
    ),
)

MIXES = (
    Mix(
        "working_day",
        N_("A working day"),
        (
            ("save_message", 6),
            ("search_knowledge", 5),
            ("llm_outside", 3),
            ("update_agent_state", 2),
            ("transfer", 2),
            ("append_history_bulk", 1),
            ("failing_request", 1),
        ),
    ),
    Mix("messages", N_("Only messages"), (("save_message", 1),)),
    Mix("llm_inside", N_("LLM inside the transaction"), (("llm_inside", 1),)),
    Mix("llm_outside", N_("LLM outside the transaction"), (("llm_outside", 1),)),
    Mix("sse", N_("SSE chats beside readers"), (("sse_chat", 2), ("search_knowledge", 1))),
    Mix(
        "sse_outside",
        N_("SSE chats beside readers, transactions ended first"),
        (("sse_chat_outside", 2), ("search_knowledge", 1)),
    ),
    Mix(
        "histories",
        N_("A history, three ways"),
        (("append_history_commits", 1), ("append_history_add_all", 1), ("append_history_bulk", 1)),
    ),
    Mix(
        "settings",
        N_("What the settings do"),
        (("save_and_count", 2), ("use_after_close", 1), ("set_tenant", 2)),
    ),
)

_KINDS = {kind.key: kind for kind in KINDS}
_MIXES = {mix.key: mix for mix in MIXES}


def kind(key: str) -> RequestKind:
    """The kind of this key. Raises KeyError."""
    return _KINDS[key]


def mix(key: str) -> Mix:
    """The mix of this key. Raises KeyError."""
    return _MIXES[key]


def alone(kind: RequestKind) -> Mix:
    """Requests of this kind and no other."""
    return Mix(kind.key, kind.title, ((kind.key, 1),))


def code(kind: RequestKind, is_async: bool) -> str:
    """The source of the request, as the page shows it."""
    return inspect.getsource(kind.run_async if is_async else kind.run)


def deal(mix: Mix, count: int) -> tuple[RequestKind, ...]:
    """`count` requests in the mix's proportions, each kind spread evenly over the whole; always the same ones."""
    places = (
        ((turn + 0.5) / weight, order, key) for order, (key, weight) in enumerate(mix.weights) for turn in range(count)
    )
    return tuple(kind(key) for _, _, key in sorted(places)[:count])
