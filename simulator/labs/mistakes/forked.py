"""A program that forks with an engine in use, and what its two processes came to.

The server of these pages has many threads and is never forked: `run_forked` starts this module as a program of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from simulator.errors import RunError
from simulator.history.application import ConnectionCheckedOut
from simulator.history.schedule import AnyEvent, History
from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.told import Told, answered, failed
from simulator.recorder import trace

Wait = Callable[[], None]

#: Seconds that the program has, from its start to its end.
PATIENCE_S = 60.0
#: Modes of libpq that would try TLS first and do without: two processes cannot share the state of a cipher.
_CAN_BE_PLAIN = ("", "allow", "prefer", "disable")


# What the page shows.


def count_messages(engine: Engine) -> str:
    with Session(engine) as reading:
        return f"{reading.scalar(select(func.count()).select_from(Message))} messages"
    # close() rolls back: nothing was written here.


def save_in_child(engine: Engine, think: Wait) -> str:
    # The child has a copy of the pool. What lies in it is the parent's connection, the same socket.
    with Session(engine) as session:
        session.add(Message(conversation_id=1, role="user", content="Hello"))
        session.flush()
        think()
        session.commit()
    return "saved"


def save_in_child_disposed(engine: Engine, think: Wait) -> str:
    # First of all in the child: a new, empty pool. close=False leaves the parent's connections alone.
    engine.dispose(close=False)
    with Session(engine) as session:
        session.add(Message(conversation_id=1, role="user", content="Hello"))
        session.flush()
        think()
        session.commit()
    return "saved"


# How it is run.


@dataclass(frozen=True, slots=True)
class Forked:
    """What the two processes came to."""

    told: tuple[Told, ...]
    history: History


def run_forked(keywords: Mapping[str, str], child: str) -> Forked:
    """Start the program, which forks; `child` is the function that its child runs. Raises RunError."""
    if not hasattr(os, "fork"):
        raise RunError(Text.of("This machine cannot fork a process."))
    plain = {"sslmode": "disable"} if keywords.get("sslmode", "") in _CAN_BE_PLAIN else {}
    order = json.dumps({"keywords": {**keywords, **plain, "gssencmode": "disable"}, "child": child})
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__],
            input=order,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=Path(__file__).parents[3],
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(Text.of("The program that forks did not come to an end in time.")) from None
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [""])[-1]
        raise RunError(Text.of("The program that forks failed: {error}", error=last))
    return _forked(json.loads(ended.stdout))


def _forked(answer: Any) -> Forked:
    parent, child = (History.from_json(answer[name]["history"]) for name in ("parent", "child"))
    told = tuple(Told(**answer[name]["told"]) for name in ("child", "parent"))
    return Forked(told, merged(parent, child))


def merged(parent: History, child: History) -> History:
    """Both in the order of their times; each process has a pool, so Sessions and slots of the child count on."""
    sessions = len(parent.sessions)
    slots = max((event.slot or 0 for event in parent.events), default=0)
    names = {name: f"S{sessions + number}" for number, name in enumerate(child.sessions, start=1)}
    others = (_of_child(event, names, slots) for event in child.events)
    events = sorted((*parent.events, *others), key=lambda event: event.at_ns)
    return History(
        (*parent.sessions, *names.values()), tuple(replace(event, seq=seq) for seq, event in enumerate(events))
    )


def _of_child(event: AnyEvent, names: Mapping[str, str], slots: int) -> AnyEvent:
    asked = getattr(event, "asked", None)
    return replace(
        event,
        session=names.get(event.session or ""),
        slot=event.slot and event.slot + slots,
        # Numbers of the child, told from those of the parent.
        **({"asked": -asked} if asked is not None else {}),
    )


def main() -> None:
    """Read the order from standard input, fork, and write what came of it."""
    order = json.load(sys.stdin)
    engine = create_engine("postgresql+psycopg2://", connect_args=order["keywords"])
    json.dump(_forking(engine, _CHILDREN[order["child"]]), sys.stdout)


def _forking(engine: Engine, child: Callable[[Engine, Wait], str]) -> dict[str, Any]:
    """What the two processes came to; the child's end is not seen from here."""
    # The pool has a connection when the program forks.
    count_messages(engine)
    reached, go, result = os.pipe(), os.pipe(), os.pipe()
    if os.fork() == 0:
        # Not sys.exit: what the parent has open is not the child's to tidy up.
        try:
            answer = _process("child", lambda: child(engine, lambda: _gate(reached[1], go[0])), engine)
            os.write(reached[1], b"x")
            with os.fdopen(result[1], "w") as written:
                json.dump(answer, written)
        finally:
            os._exit(0)
    os.close(result[1])
    os.read(reached[0], 1)
    parent = _process("parent", lambda: count_messages(engine), engine)
    os.write(go[1], b"x")
    with os.fdopen(result[0]) as written:
        answer = json.load(written)
    os.wait()
    return {"parent": parent, "child": answer}


def _gate(reached: int, go: int) -> None:
    os.write(reached, b"x")
    os.read(go, 1)


def _process(name: str, work: Callable[[], str], engine: Engine) -> dict[str, Any]:
    """What one process's client was told, and what was recorded of it."""
    with trace(engine) as recorder:
        try:
            with recorder.request(name):
                told = answered(name, work())
                recorder.moment(N_("backend"), _backends(recorder.history()))
        except Exception as error:  # noqa: BLE001 (as a web framework: whatever is raised is the client's 500)
            told = failed(name, error)
        return {"told": asdict(told), "history": recorder.history().to_json()}


def _backends(history: History) -> str:
    """The server's processes that this one has talked to: the story of a fork is whether they are the same."""
    checkouts = (event for event in history.events if isinstance(event, ConnectionCheckedOut))
    return ", ".join(dict.fromkeys(str(each.backend) for each in checkouts))


_CHILDREN = {each.__name__: each for each in (save_in_child, save_in_child_disposed)}

if __name__ == "__main__":
    main()
