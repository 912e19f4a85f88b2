"""What is known of a run, as names and values that a chapter's claims are compared with; in nobody's language.

`docs/course.md` lists them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from simulator.course.shows import Fact, Facts
from simulator.history.application import ConnectionCheckedOut, ConnectionEnding, ObjectStateChanged, RequestEnded
from simulator.history.schedule import History, StatementFailed, StatementFinished, StatementStarted, StepBlocked
from simulator.history.words import EndingCommand, ObjectState
from simulator.labs.fastapi.matrix import Cell
from simulator.labs.mistakes.run import PairResult, SideResult
from simulator.labs.sessions.acid import AcidRun
from simulator.labs.sessions.lines import LinesRun, Step
from simulator.labs.sessions.load import LoadResult
from simulator.labs.snippets import SnippetRun
from simulator.state.changes import answer
from simulator.traces.critical import totals
from simulator.traces.holds import uses
from simulator.traces.pool import pool_totals
from simulator.traces.trace import read
from simulator.verdict.run import RunResult
from simulator.verdict.types import Serial


def of_schedule(result: RunResult) -> Facts:
    """Of a schedule on the Anomalies or Locks page."""
    rule, events = result.invariant, result.history.events
    measured = rule.measured if rule is not None else None
    found: dict[str, Fact] = {
        "outcome": result.outcome.value,
        "anomalies": tuple(dict.fromkeys(each.name for each in result.confirmed.anomalies)),
        "sqlstates": tuple(dict.fromkeys(each.sqlstate for each in result.aborts if each.sqlstate)),
        "waits": sum(isinstance(event, StepBlocked) for event in events),
        "rule": "none" if rule is None or rule.holds is None else "kept" if rule.holds else "broken",
        "rule.is": "none" if measured is None else str(measured.value),
        "order": " ".join(result.replayed.order) if result.replayed.serial is Serial.YES else "none",
    }
    for event in events:
        if isinstance(event, StatementFinished):
            found[f"answer.{event.step}"] = answer(event)
        elif isinstance(event, StatementFailed):
            found[f"failed.{event.step}"] = event.sqlstate
    return found


def of_pair(pair: PairResult) -> Facts:
    """Of a mistake and its fix."""
    found: dict[str, Fact] = {"silent": pair.silent}
    for side, result in (("mistake", pair.mistake), ("fixed", pair.fixed)):
        found |= {f"{side}.{name}": fact for name, fact in of_side(result).items()}
    return found


def of_side(side: SideResult) -> Facts:
    """Of one of them."""
    statuses = sorted(Counter(told.status for told in side.told).items())
    values = (str(value) if value is not None else "NULL" for row in side.stored for value in row)
    return {
        "told": ", ".join(f"{count} × {status or 'gone'}" for status, count in statuses),
        "ok": side.ok,
        "failed": side.failed,
        "errors": tuple(dict.fromkeys(_error(t.error, t.cause, t.sqlstate) for t in side.told if t.error)),
        "stored": " · ".join(values) or "–",
        "figure": side.figure,
        "connections": side.leaked.connections,
        "transactions": side.leaked.transactions,
        "warnings": len(side.warnings),
        **{f"answer.{told.client}": told.answer for told in side.told},
        **_counts(side.history),
    }


def of_load(result: LoadResult) -> Facts:
    """Of many requests at once."""
    trace = read(result.history)
    sums, pool = totals(trace), pool_totals(trace)
    return {
        "requests": sums.requests,
        "ok": sums.ok,
        "failed": sums.failed,
        "in_vain": sums.timed_out,
        "waiting": pool.waiting,
        "open": pool.open,
        "leaked": result.leaked,
        "messages": result.messages,
        "killed": result.killed,
        "idle_ms": max((use.idle_ms for use in uses(trace)), default=0.0),
        "errors": tuple(
            dict.fromkeys(
                _error(event.error_class, event.cause_class, event.sqlstate)
                for event in result.history.events
                if isinstance(event, RequestEnded) and event.error_class
            )
        ),
        "states": _states(result.history),
        **_counts(result.history),
    }


def of_cell(cell: Cell) -> Facts:
    """Of one way to write get_db, and one ending."""
    held = cell.held
    is_out = held is not None and (held.over_response or not held.returned)
    return {
        "told": cell.told,
        "rows": cell.rows,
        "connections": cell.leak.connections,
        "transactions": cell.leak.transactions,
        "silent": cell.silent,
        "order": cell.order,
        "at_response": "never" if held is None else "out" if is_out else "back",
    }


def of_letter(run: AcidRun) -> Facts:
    """Of one letter of ACID."""
    return {"held": run.held, **({"twin.held": run.twin.held} if run.twin is not None else {})}


def of_snippet(run: SnippetRun) -> Facts:
    """Of the usual way, and of the other one."""
    found: dict[str, Fact] = {}
    for side, seen in (("usual", run.usual), ("other", run.other)):
        if seen is not None:
            found |= {
                f"{side}.told": seen.told or "none",
                f"{side}.raised": seen.raised or "none",
                f"{side}.warnings": tuple(each.partition(":")[0] for each in seen.warnings),
                f"{side}.statements": len(seen.sql),
            }
    return found


def of_lines(run: LinesRun) -> Facts:
    """Of a Session's lines; each fact of a line has its number before it."""
    found: dict[str, Fact] = {"states": tuple(dict.fromkeys(s.held.message for s in run.steps if s.held.message))}
    for number, step in enumerate(run.steps, 1):
        found |= {f"{number}.{name}": fact for name, fact in _of_step(step).items()}
    return found


def _of_step(step: Step) -> Facts:
    held = step.held
    return {
        "message": held.message or "–",
        "sql": tuple(map(_command, step.sql)),
        "statements": len(step.sql),
        "transaction": "open" if held.in_transaction else "none",
        "connection": "out" if held.connected else "none",
        "identity_map": len(held.identity_map),
        "new": len(held.new),
        "dirty": len(held.dirty),
        "deleted": len(held.deleted),
        "told": step.told or "none",
        "raised": step.raised or "none",
    }


def _command(sql: str) -> str:
    """`INSERT`, `ROLLBACK TO SAVEPOINT`: what a statement begins with."""
    before, found, _name = sql.partition("SAVEPOINT ")
    return f"{before}{found}".strip() if found else sql.split(maxsplit=1)[0]


def _error(*parts: str) -> str:
    """`OperationalError DeadlockDetected 40P01`."""
    return " ".join(dict.fromkeys(filter(None, parts)))


def _counts(history: History) -> Mapping[str, Fact]:
    events = history.events
    ends = Counter(event.command for event in events if isinstance(event, ConnectionEnding))
    started = [event.sql.lstrip().upper() for event in events if isinstance(event, StatementStarted)]
    return {
        "commits": ends[EndingCommand.COMMIT],
        "rollbacks": ends[EndingCommand.ROLLBACK],
        "statements": len(started),
        "selects": sum(sql.startswith("SELECT") for sql in started),
        "checkouts": sum(isinstance(event, ConnectionCheckedOut) for event in events),
    }


def _states(history: History) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_moved(history)))


def _moved(history: History) -> Iterator[str]:
    """Where objects were seen to come from and go to."""
    for event in history.events:
        if isinstance(event, ObjectStateChanged):
            for state in (event.before, event.after):
                if state is not ObjectState.NONE:
                    yield state.value
            if event.expired:
                yield "expired"
