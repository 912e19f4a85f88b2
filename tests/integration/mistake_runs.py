"""The mistakes and their fixes, each pair run once for all tests of a worker that look at it.

Tests of one mistake bear its mark and so stand in one worker, whichever file they are in.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult
from tests.integration.leftovers import Things, in_process, of_runs

#: How often each mistake is run; TXSCOPE_MISTAKES_ROUNDS=50 for the whole proof.
ROUNDS = int(os.environ.get("TXSCOPE_MISTAKES_ROUNDS", "1"))
#: One of each kind of backend: threads, a loop, HTTP. What their first run makes is kept for the next, and is no leak.
FIRST = ("no_commit", "async_gather", "commit_after_yield")

#: A mistake's tests stand in one worker, where one run of it is enough for all of them.
EACH = [pytest.param(it, id=it.key, marks=pytest.mark.xdist_group(f"mistake {it.key}")) for it in MISTAKES]


@dataclass(frozen=True)
class Observed:
    """What one run of a mistake and its fix came to, and what is there since then."""

    pair: PairResult
    left: Things


Observe = Callable[[Mistake], list[Observed]]


def around(engine: Engine, server: EmbeddedServer) -> Things:
    """What a run could leave behind: here, and on the server."""
    gc.collect()
    return in_process(engine) | of_runs(server)
