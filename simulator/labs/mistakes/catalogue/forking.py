"""An engine that is used on both sides of a fork."""

from __future__ import annotations

from collections.abc import Callable

from simulator.i18n.text import N_
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.forked import count_messages, save_in_child, save_in_child_disposed
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")


def _forked(child: Callable[..., str]) -> Callable[[Stage], None]:
    return lambda stage: stage.fork(child.__name__)


ENGINE_ACROSS_FORK = Mistake(
    key="engine_across_fork",
    family="sharing",
    title=N_("An engine goes through a fork"),
    story=N_(
        "A program has used its engine, then forks a worker. The child saves a message; before its commit the parent "
        "counts, sees the uncommitted message, and rolls back. The child commits, says saved, and nothing is stored."
    ),
    why=N_(
        "A fork copies the pool, and both copies hold the same socket: one backend, one transaction, two processes. "
        "The parent's ROLLBACK ended the child's transaction, and a COMMIT of nothing is a warning and no error."
    ),
    cure=N_(
        "Right behind the fork, in the child: engine.dispose(close=False), which gives it a pool of its own. What "
        "starts the workers has a place for it: multiprocessing.Pool takes an initializer."
    ),
    repeatable=N_("A program of its own forks; two pipes let the parent count between the child's flush and commit."),
    mistake=Side(
        (save_in_child, count_messages),
        "with Session(engine) as session:",
        _forked(save_in_child),
        Expected({OK: 2}, ((0,),), answers={"child": "saved", "parent": "41 messages"}),
        _SAVED,
    ),
    fixed=Side(
        (save_in_child_disposed, count_messages),
        "engine.dispose(close=False)",
        _forked(save_in_child_disposed),
        Expected({OK: 2}, ((1,),), answers={"child": "saved", "parent": "40 messages"}),
        _SAVED,
    ),
    silent=True,
    source="https://docs.sqlalchemy.org/en/21/core/pooling.html#using-connection-pools-with-multiprocessing-or-os-fork",
    holds_for="SQLAlchemy 1.4.33 (close=False)",
)

MISTAKES = (ENGINE_ACROSS_FORK,)
