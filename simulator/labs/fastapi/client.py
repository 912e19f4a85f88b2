"""The client: httpx on real sockets. It tells what each request was told, also one that hung up."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from simulator.recorder.middleware import HEADER

#: What a client was told that closed its connection before the response.
DISCONNECTED = "disconnected"
#: What it was told where the server closed the connection, or took too long.
NO_ANSWER = "no answer"
#: Seconds that a client waits for its response.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, under the name that it has in the history."""

    name: str
    path: str = "/messages"
    query: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client was told: an HTTP status as text, `disconnected`, or `no answer`; and the response's JSON."""

    name: str
    told: str
    body: Any = None


def call(url: str, calls: Sequence[Call], *, leave_at: threading.Event | None = None) -> tuple[Answer, ...]:
    """Send all at once, each on a connection of its own; the answers in the order of `calls`.

    With `leave_at` the clients close their connections when that is set.
    """
    return asyncio.run(_call(url, calls, leave_at))


async def _call(url: str, calls: Sequence[Call], leave_at: threading.Event | None) -> tuple[Answer, ...]:
    async with _client(url) as client:
        sent = [asyncio.create_task(_send(client, each)) for each in calls]
        if leave_at is not None:
            await asyncio.to_thread(leave_at.wait, PATIENCE_S)
            for each in sent:
                each.cancel()
        return tuple(await asyncio.gather(*sent))


async def _send(client: httpx.AsyncClient, each: Call) -> Answer:
    headers = {HEADER.decode(): each.name}
    try:
        response = await client.request(each.method, each.path, params=each.query, headers=headers)
    except httpx.TransportError:
        return Answer(each.name, NO_ANSWER)
    except asyncio.CancelledError:
        return Answer(each.name, DISCONNECTED)
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return Answer(each.name, str(response.status_code), response.json() if is_json else response.text)


def _client(url: str) -> httpx.AsyncClient:
    """No proxy and no certificates: reading those of the system takes longer than all the requests."""
    return httpx.AsyncClient(
        base_url=url,
        timeout=PATIENCE_S,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
