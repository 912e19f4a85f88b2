"""How an endpoint can end: the table of the five ways, each with its endpoint for `def` and for `async def`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from simulator.i18n.text import N_
from simulator.labs.fastapi import endpoints, endpoints_async

#: (application, what get_db is declared with, the model's service) -> None; it adds one endpoint
Build = Callable[[FastAPI, Any, Any], None]


@dataclass(frozen=True, slots=True)
class Ending:
    """One way to end; title and sentence are translated where they are shown."""

    key: str
    title: str
    sentence: str
    #: for a dependency that commits, `def` and `async def`
    plain: tuple[Build, Build]
    #: for a dependency that leaves the commit to the endpoint
    commits: tuple[Build, Build]
    #: the client closes its connection before the response
    leaves: bool = False

    def build(self, *, endpoint_commits: bool, is_async: bool) -> Build:
        """The builder of the endpoint."""
        return (self.commits if endpoint_commits else self.plain)[is_async]


_NOT_FOUND = (endpoints.not_found, endpoints_async.not_found)
_ERROR = (endpoints.error, endpoints_async.error)

ENDINGS = (
    Ending(
        "ok",
        N_("returns"),
        N_("The endpoint adds a message and returns its id."),
        (endpoints.ok, endpoints_async.ok),
        (endpoints.ok_commits, endpoints_async.ok_commits),
    ),
    Ending(
        "not_found",
        N_("raises HTTPException(404)"),
        N_("The message is written, then the endpoint finds that it should not have been."),
        _NOT_FOUND,
        _NOT_FOUND,
    ),
    Ending(
        "error",
        N_("raises RuntimeError"),
        N_("The message is written, then something breaks."),
        _ERROR,
        _ERROR,
    ),
    Ending(
        "commit_fails",
        N_("the commit fails"),
        N_("A deferred foreign key is checked in COMMIT, and its conversation is gone."),
        (endpoints.commit_fails, endpoints_async.commit_fails),
        (endpoints.commit_fails_commits, endpoints_async.commit_fails_commits),
    ),
    Ending(
        "client_leaves",
        N_("the client disconnects"),
        N_("The client gives up while the endpoint waits for the model; the endpoint goes on."),
        (endpoints.client_leaves, endpoints_async.client_leaves),
        (endpoints.client_leaves_commits, endpoints_async.client_leaves_commits),
        leaves=True,
    ),
)

_BY_KEY = {each.key: each for each in ENDINGS}


def ending(key: str) -> Ending:
    """The ending of this key. Raises KeyError."""
    return _BY_KEY[key]
