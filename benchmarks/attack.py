"""`python -m benchmarks attack`: hostile scenarios against the embedded server, beside a second visitor.

Harmful is: the run is not over within its deadline plus a second; the other visitor's run comes out wrong, or is slower
than three times its usual p95; no other thread of the process gets its turn for 200 ms; the process keeps more than
200 MB; anything is left on the server that was not there before; the next start fails, or lessons come out differently.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from benchmarks.measure import embedded_share
from simulator.engines.base import Engine
from simulator.errors import TxscopeError
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find, load
from simulator.verdict.run import run_scenario

CASES = Path(__file__).parents[1] / "tests" / "hostile"
DEADLINE_S = 1.0
MOST_STALL_S, MOST_BYTES, TIMES = 0.2, 200_000_000, 3
#: Runs of the other visitor of which a p95 is taken, and for how long he is waited for.
NEIGHBOURS, MOST_S = 20, 4.0
#: How long the other visitor looks at a run before the next: somebody who clicks without end is an attacker himself.
LOOKS_S = 0.02
#: Below this a run is fast, whatever the machine was doing meanwhile.
FAST_S = 0.1
#: How long the server may take to become as it was: what could not be washed at once is washed behind the scenes.
SETTLED_S = 5.0

_LEFT = """
SELECT 'database ' || datname FROM pg_database WHERE datname !~ '^(txscope_[0-9]+|postgres|template[01])$'
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname !~ '^(txscope_[0-9]+|postgres|pg_.*)$'
UNION ALL SELECT 'superuser ' || rolname FROM pg_roles WHERE rolname <> 'postgres' AND
    (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'setting of ' || setrole::regrole || ': ' || setconfig::text FROM pg_db_role_setting WHERE setrole <> 0
UNION ALL SELECT 'membership of ' || member::regrole FROM pg_auth_members WHERE member::regrole::text LIKE 'txscope%'
UNION ALL SELECT 'busy: ' || left(query, 80) FROM pg_stat_activity WHERE usename LIKE 'txscope%' AND state <> 'idle'
UNION ALL SELECT 'not given back: ' || application_name FROM pg_stat_activity
    WHERE usename LIKE 'txscope%' AND state = 'idle' AND application_name <> 'txscope'
UNION ALL SELECT 'owned by ' || refobjid::regrole || ': ' || classid::regclass || ' ' || objid FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND refobjid::regrole::text LIKE 'txscope%'
UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts
UNION ALL SELECT 'comment on ' || datname FROM pg_shdescription JOIN pg_database AS d ON objoid = d.oid
    WHERE datname LIKE 'txscope%' AND description <> 'in use'
UNION ALL SELECT 'advisory lock' FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND a.usename LIKE 'txscope%'
"""
_LEFT_IN_DATABASE = """
SELECT 'schema ' || nspname FROM pg_namespace
WHERE nspname !~ '^(pg_.*|information_schema|public|txscope_inspect)$'
UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata
UNION ALL SELECT 'default privilege ' || defaclrole::regrole FROM pg_default_acl
UNION ALL SELECT 'object in ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
LIMIT 20
"""


def left_on(admin_conninfo: Callable[[str], str]) -> list[str]:
    """What is on the embedded server that is no tenant's: nothing, between two runs."""
    with psycopg.connect(admin_conninfo("postgres"), autocommit=True) as admin:
        found = [str(row[0]) for row in admin.execute(_LEFT).fetchall()]
        tenants = admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^txscope_[0-9]+$'").fetchall()
    for (name,) in tenants:
        with psycopg.connect(admin_conninfo(name), autocommit=True) as admin:
            found += [f"{name}: {row[0]}" for row in admin.execute(_LEFT_IN_DATABASE).fetchall()]
    return found


def settled(admin_conninfo: Callable[[str], str]) -> list[str]:
    """The same once nothing is left, or after five seconds."""
    deadline = time.monotonic() + SETTLED_S
    while (found := left_on(admin_conninfo)) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    return found


@dataclass
class Beside:
    """What a second visitor and an idle thread saw while something else went on."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stall_s: float = 0.0

    @property
    def p95_s(self) -> float:
        ordered = sorted(self.seconds)
        return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else 0.0


@dataclass
class Attack:
    """Hostile runs at the same time, mostly one; `harm` is empty where they did none."""

    name: str
    outcome: str
    seconds: float
    beside: Beside
    harm: list[str] = field(default_factory=list)


def visit(engine: Engine) -> str:
    """A lesson whose outcome is known; "" where it came out as it should."""
    scenario = find("lost_update")
    try:
        result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    except TxscopeError as error:
        return str(error)
    return "" if result.outcome is Outcome.ANOMALY else f"{result.outcome}: {result.reason}"


@contextmanager
def somebody_beside(engine: Engine) -> Iterator[Beside]:
    """A second visitor who runs one lesson after another, and a thread that wants its turn every ten milliseconds."""
    seen, over = Beside(), threading.Event()

    def visitor() -> None:
        while not over.wait(LOOKS_S):
            started = time.monotonic()
            wrong = visit(engine)
            seen.seconds.append(time.monotonic() - started)
            seen.wrong += [wrong] if wrong else []

    def ticker() -> None:
        last = time.monotonic()
        while not over.wait(0.01):
            now = time.monotonic()
            seen.stall_s, last = max(seen.stall_s, now - last - 0.01), now

    threads = [threading.Thread(target=each) for each in (visitor, ticker)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def usual_p95(engine: Engine, seconds: float = 1.0) -> float:
    """The second visitor's p95 beside somebody harmless."""
    with somebody_beside(engine) as seen:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            visit(engine)
    return seen.p95_s


def attack(
    engine: Engine,
    paths: Sequence[Path],
    usual_s: float,
    admin_conninfo: Callable[[str], str],
    *,
    neighbours: int = 1,
    fast_s: float = FAST_S,
) -> Attack:
    """Run files at once beside a second visitor, again and again until he has made so many runs; what they did to him.

    The worst of it counts: which of the files it was is known where one runs alone.
    """
    process = psutil.Process()
    before = process.memory_info().rss
    with somebody_beside(engine) as beside, ThreadPoolExecutor(len(paths)) as attackers:
        until = time.monotonic() + MOST_S

        def run(path: Path) -> tuple[str, float]:
            outcome, seconds = "", 0.0
            # What is refused is refused once: nobody clicks a thousand times a second.
            while not outcome or (
                not outcome.startswith("refused") and len(beside.seconds) < neighbours and time.monotonic() < until
            ):
                started = time.monotonic()
                outcome = _run(engine, path)
                seconds = max(seconds, time.monotonic() - started)
            return outcome, seconds

        runs = list(attackers.map(run, paths))
    seconds = max(seconds for _, seconds in runs)
    made = Attack(", ".join(path.stem for path in paths), "; ".join(outcome for outcome, _ in runs), seconds, beside)
    made.harm += [f"over after {seconds:.2f} s"] if seconds > DEADLINE_S + 1 else []
    made.harm += [f"another's run: {each}" for each in beside.wrong[:1]]
    if beside.p95_s > max(fast_s, TIMES * usual_s):
        made.harm.append(f"another's run took {beside.p95_s * 1000:.0f} ms")
    made.harm += [f"stalled for {beside.stall_s * 1000:.0f} ms"] if beside.stall_s > MOST_STALL_S else []
    if (kept := process.memory_info().rss - before) > MOST_BYTES * len(paths):
        made.harm.append(f"{kept / 1e6:.0f} MB kept")
    made.harm += [f"left: {each}" for each in settled(admin_conninfo)[:3]]
    return made


def _run(engine: Engine, path: Path) -> str:
    try:
        scenario = load(path.read_bytes().decode("utf-8", "replace"), path.name)
        result = run_scenario(
            engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED, watch=True, deadline_s=DEADLINE_S
        )
        result.history.to_json()
    except TxscopeError as error:
        return f"refused: {error}"
    return f"{result.outcome.value}: {result.reason}"


def main() -> bool:
    """Print a row a file; False where one did harm."""
    with embedded_share() as (engine, share):
        visit(engine)
        usual = usual_p95(engine)
        attacks = [
            attack(engine, (path,), usual, share.admin_conninfo, neighbours=NEIGHBOURS)
            for path in sorted(CASES.glob("*.toml"))
        ]
    for each in attacks:
        print(
            f"{each.name:40.40} {each.seconds:5.2f} s  other {each.beside.p95_s * 1000:4.0f} ms"
            f"  stall {each.beside.stall_s * 1000:4.0f} ms  {'; '.join(each.harm) or '-':12}  {each.outcome[:70]}"
        )
    harmful = sum(bool(each.harm) for each in attacks)
    print(f"{len(attacks)} attacks, {harmful} harmful; another visitor's usual p95 is {usual * 1000:.0f} ms")
    return not harmful
