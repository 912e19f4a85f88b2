"""Writes the traces beside it from real runs: `python -m tests.histories.sessions.write`.

Times and process numbers differ each time; tests ask for what they mean.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.orm import sessionmaker

from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.history.application import BackendSeen
from simulator.history.schedule import History
from simulator.labs.backend.setup import RESERVE, setup
from simulator.labs.place import open_place
from simulator.labs.sessions.catalogue import alone, kind
from simulator.labs.sessions.kinds import Job
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings
from simulator.recorder import BackendWatch, trace

FOLDER = Path(__file__).parent


def _load(key: str, requests: int, **settings: object) -> Callable[[Engine], History]:
    is_async = bool(settings.pop("is_async", False))
    load = Load(alone(kind(key)), requests, llm_s=0.1, is_async=is_async, settings=Settings(**settings))  # type: ignore[arg-type]
    return lambda engine: run_load(engine, load).history


def lock_wait(engine: Engine) -> History:
    """A transfer that waits for the reserve's row, which the watch sees for most of its time."""
    with open_place(engine, setup(), 5) as place:
        sql_engine = place.create_engine()
        session_local = sessionmaker(sql_engine)
        holder = place.connect("holder")
        holder.autocommit = False
        holder.execute(f"SELECT FROM accounts WHERE id = {RESERVE} FOR UPDATE")
        with trace(sql_engine, session_local) as recorder, BackendWatch(recorder.tape, lambda: place.connect("watch")):

            def request() -> None:
                with recorder.request("request 1", "transfer", "Transfer credits"):
                    kind("transfer").run(session_local, Job(1, 1, 1, "text", str))

            thread = threading.Thread(target=request)
            thread.start()
            while not any(
                note[1] is BackendSeen and note[5]["wait"].startswith("Lock/") for note in recorder.tape.notes
            ):
                holder.execute("SELECT pg_sleep(0.03)")
            holder.execute("SELECT pg_sleep(0.3)")
            holder.rollback()
            thread.join()
        holder.close()
        return recorder.history()


#: file -> how its history is made
TRACES: dict[str, Callable[[Engine], History]] = {
    "save_message": _load("save_message", 1),
    "rollback": _load("failing_request", 1),
    "pool_time_out": _load("llm_inside", 6, pool_size=2, max_overflow=0, pool_timeout=0.15),
    "asynchronous": _load("llm_outside", 3, pool_size=2, max_overflow=0, is_async=True),
    "lock_wait": lock_wait,
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tx") as data:
        engine = open_engine({"TXSCOPE_DATA": data})
        try:
            for name, record in TRACES.items():
                (FOLDER / f"{name}.json").write_text(record(engine).to_json() + "\n")
        finally:
            engine.close()


if __name__ == "__main__":
    main()
