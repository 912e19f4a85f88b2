"""A run as a file of isolationtester: what its sessions sent, in the order in which they sent it, as one permutation.

Values that steps had saved stand in the statements as the run had them, and a step that a guard or an error left out
is left out: isolationtester's steps know neither. A session's BEGIN is part of the first step of each transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeGuard

from simulator.engines.postgres.statements import quoted
from simulator.errors import ScenarioError
from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    StatementFailed,
    StatementStarted,
    StepBlocked,
    StepResumed,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.sqlstates import SqlState
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import Text
from simulator.model import Isolation, SessionScript
from simulator.scenarios.spec_reader import KEYWORDS
from simulator.sql.bind import bind
from simulator.sql.transactions import begins, ends
from simulator.sql.words import statements, value_set
from simulator.verdict.run import RunResult

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@dataclass(frozen=True, slots=True)
class _Sent:
    """One step as it was sent; `key` is the run's own."""

    session: str
    key: str
    sql: str


def run_spec_text(result: RunResult) -> str:
    """The whole file. Raises ScenarioError where isolationtester's syntax has no room for it."""
    if result.impossible is not None or result.waits_for_ever is not None:
        raise ScenarioError(Text.of("This run could not be carried to its end, and neither could isolationtester."))
    sent = tuple(_sent(result))
    names = _names(sent)
    blocks = [_head(result), *_setups(result)]
    if tables := _tables(result.history.events):
        blocks.append(_block("teardown", f"DROP TABLE {', '.join(map(quoted, tables))} CASCADE;"))
    blocks += [_session(result, script, sent, names) for script in result.variant.sessions if _takes_part(script, sent)]
    markers = _markers(result, names)
    blocks.append("permutation " + " ".join(names[each.key] + markers.get(each.key, "") for each in sent))
    return "\n\n".join(blocks) + "\n"


def _head(result: RunResult) -> str:
    variant, level = result.variant.title, result.isolation.value
    return (
        f"# {result.scenario.title} / {variant} / {level}\n# as run on {result.server.product} {result.server.version}"
    )


def _setups(result: RunResult) -> Iterator[str]:
    for setup in (result.scenario.setup, result.variant.setup):
        found = statements(setup)
        if any(each.words[0] == "VACUUM" for each in found):
            # It runs in no transaction, and a block is one where it has several statements.
            yield from (_block("setup", f"{each.text};") for each in found)
        elif setup.strip():
            yield _block("setup", setup)


def _sent(result: RunResult) -> Iterator[_Sent]:
    """Every statement of the schedule, and the ROLLBACKs of the run itself."""
    scripts = {script.name: script for script in result.variant.sessions}
    began: dict[str, TransactionBegan] = {}
    for event in _scheduled(result):
        script = scripts.get(event.session or "")
        if script is None:
            continue
        if isinstance(event, TransactionBegan) and not script.autocommit:
            began[script.name] = event
        elif isinstance(event, StatementStarted) and event.step is not None:
            begin = began.pop(script.name, None)
            before = "" if begin is None or begins(event.sql) else f"{_begin(script, begin)} "
            yield _Sent(script.name, event.step, before + bind(event.sql, dict(event.parameters)))
        elif not script.autocommit and _was_rolled_back(event, result):
            # The run sent it by itself, so that locks came free.
            yield _Sent(script.name, _gives_up(script), "ROLLBACK;")


def _gives_up(script: SessionScript) -> str:
    """The key of a step that the scenario does not have."""
    name = "gives_up"
    while any(step.name == name for step in script.steps):
        name += "_"
    return f"{script.name}.{name}"


def _was_rolled_back(event: AnyEvent, result: RunResult) -> bool:
    """By the run, after an error of a step that does not end the transaction itself."""
    if not isinstance(event, TransactionEnded) or event.outcome is not TransactionOutcome.ABORTED or not event.step:
        return False
    return event.sqlstate is not None and not ends(result.variant.step(event.step).sql)


def _begin(script: SessionScript, began: TransactionBegan) -> str:
    return f"BEGIN {_modes(script, began.isolation)};"


def _modes(script: SessionScript, level: Isolation) -> str:
    modes = [f"ISOLATION LEVEL {level.value}"]
    modes += ["READ ONLY"] if script.read_only else []
    modes += ["DEFERRABLE"] if script.deferrable else []
    return ", ".join(modes)


def _takes_part(script: SessionScript, sent: Iterable[_Sent]) -> bool:
    return bool(script.setup) or any(each.session == script.name for each in sent)


def _names(sent: Iterable[_Sent]) -> dict[str, str]:
    """The steps' own names; where two sessions share one, all with their session's in front."""
    keys = tuple(dict.fromkeys(each.key for each in sent))
    own = {key: key.partition(".")[2] for key in keys}
    alone = len(set(own.values())) == len(keys)
    return {key: _name(own[key] if alone else key.replace(".", "_")) for key in keys}


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name not in KEYWORDS else f'"{name}"'


def _session(result: RunResult, script: SessionScript, sent: Iterable[_Sent], names: dict[str, str]) -> str:
    own = {each.key: each for each in sent if each.session == script.name}
    teardown = script.teardown or ("ROLLBACK;" if _is_left_open(result, script) else "")
    lines = [f"session {_name(script.name)}"]
    setup = "\n".join(filter(None, (_deadlock_timeout(result, script), _session_setup(result, script))))
    lines += [_block("setup", setup)] if setup else []
    lines += [_block(f"step {names[key]}", each.sql) for key, each in own.items()]
    # The grammar wants a step, also of a session that only its setup counts of.
    lines += [] if own else [_block("step " + _name(f"{script.name}_sends_nothing"), "")]
    lines += [_block("teardown", teardown)] if teardown else []
    return "\n".join(lines)


def _scheduled(result: RunResult) -> Iterator[AnyEvent]:
    """What an application runs again after an abort comes after the whole schedule, and is left out."""
    return takewhile(lambda event: not _runs_again(event), result.history.events)


def _runs_again(event: AnyEvent) -> bool:
    return isinstance(event, TransactionBegan) and event.attempt > 1


def _is_deadlock(event: AnyEvent) -> TypeGuard[StatementFailed]:
    return isinstance(event, StatementFailed) and event.sqlstate == SqlState.DEADLOCK_DETECTED


def _markers(result: RunResult, names: dict[str, str]) -> dict[str, str]:
    """Around a deadlock: its victim is seen waiting, and reported before those that it releases; else it is chance."""
    markers: dict[str, str] = {}
    waiting: set[str] = set()
    for event in _scheduled(result):
        if isinstance(event, StepBlocked):
            waiting.add(event.step or "")
        elif isinstance(event, StepResumed):
            waiting.discard(event.step or "")
        elif _is_deadlock(event) and event.step in names:
            markers |= dict.fromkeys(waiting - {event.step}, f"({names[event.step]})")
            markers[event.step] = "(*)"
    return markers


def _deadlock_timeout(result: RunResult, script: SessionScript) -> str:
    """Who was the run's victim looks first, as in PostgreSQL's own deadlock-hard.spec."""
    victims = {event.session for event in _scheduled(result) if _is_deadlock(event)}
    if not victims or value_set(script.setup, "deadlock_timeout") is not None:
        return ""
    return f"SET deadlock_timeout = '{'10ms' if script.name in victims else '100s'}';"


def _session_setup(result: RunResult, script: SessionScript) -> str:
    """With the level of a session as psql has it, where that is not the server's default."""
    level = script.isolation or result.isolation
    default = level is Isolation.READ_COMMITTED and not script.read_only and not script.deferrable
    if not script.autocommit or default:
        return script.setup
    if begins(script.setup):
        # Sent as one query, the BEGIN would not heed the level before it.
        raise ScenarioError(
            Text.of("The setup of {session} begins a transaction; its level must stand there.", session=script.name)
        )
    return f"SET SESSION CHARACTERISTICS AS TRANSACTION {_modes(script, level)};\n{script.setup}"


def _is_left_open(result: RunResult, script: SessionScript) -> bool:
    """A transaction that nobody ended would keep isolationtester's teardown waiting."""
    return any(
        isinstance(event, TransactionEnded)
        and event.session == script.name
        and event.outcome is TransactionOutcome.OPEN
        for event in result.history.events
    )


def _block(head: str, sql: str) -> str:
    if "}" in sql:
        raise ScenarioError(
            Text.of(
                "A block of a .spec file cannot hold a closing brace, as {head} does: {sql}", head=head, sql=sql[:200]
            )
        )
    text = sql.strip()
    return f"{head} {{ {text} }}" if "\n" not in text else f"{head}\n{{\n{text}\n}}"


def _tables(events: Iterable[AnyEvent]) -> tuple[str, ...]:
    first = next((each for each in events if isinstance(each, CommittedStateObserved)), None)
    return tuple(table.table for table in first.tables) if first else ()
