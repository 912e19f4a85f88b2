"""What a page says of a scenario is held against its runs: headlines, stories and notes, at every variant and level.

A story must be true of every run. A note's sentence that names a level must be true of all runs at that level; one that
names none, of one of them at least, for it goes on from the sentence before. A sentence that states a number or an
outcome and that no check here understands fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import pytest

from simulator.history.schedule import (
    ServerMessage,
    StatementFinished,
    StatementStarted,
    StepBlocked,
)
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.ui.schedules import verdict
from simulator.verdict.run import RunResult
from tests.integration.cells import Cells, variants

RU, RC, RR, SER = Isolation
Runs = Callable[[Scenario, Variant], tuple[RunResult, ...]]
PAIRS = variants()


@pytest.fixture
def runs(cell: Cells) -> Runs:
    """What a variant came to at each of its scenario's levels."""

    def of(scenario: Scenario, variant: Variant) -> tuple[RunResult, ...]:
        return tuple(cell(scenario, variant, level).watched for level in scenario.levels)

    return of


@pytest.mark.parametrize(("scenario", "variant"), PAIRS)
def test_every_headline_states_a_number_or_a_name_of_its_run(runs: Runs, scenario: Scenario, variant: Variant) -> None:
    for result in runs(scenario, variant):
        first = verdict.lines(result)[0]
        assert any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", first) for name in names(result)), first


def names(result: RunResult) -> set[str]:
    """Steps, rows and values that were seen in this run, as pages write them; `T1` alone says nothing."""
    rows = (
        f"{table.table} {', '.join(map(str, version.key))}"
        for event in result.history.events
        for table in getattr(event, "tables", ())
        for version in getattr(table, "rows", ())
    )
    measured = result.invariant.measured if result.invariant else None
    return {*rows, *result.schedule.steps, *numbers_seen(result), *([str(measured.value)] if measured else [])}


@pytest.mark.parametrize(("scenario", "variant"), PAIRS)
def test_the_story_is_true_of_every_run(runs: Runs, scenario: Scenario, variant: Variant) -> None:
    for sentence in sentences(scenario.story):
        for result in runs(scenario, variant):
            assert holds(sentence, result), (result.isolation.short, sentence)


@pytest.mark.parametrize(("scenario", "variant"), PAIRS)
def test_the_note_is_true_of_its_runs(runs: Runs, scenario: Scenario, variant: Variant) -> None:
    for sentence in sentences(variant.note):
        levels = scope(sentence)
        among = [result for result in runs(scenario, variant) if levels is None or result.isolation in levels]
        told = [holds(sentence, result) for result in among]
        assert all(told) if levels is not None else any(told), sentence


@pytest.mark.parametrize(("scenario", "variant"), PAIRS)
def test_no_sentence_with_a_number_or_an_outcome_is_without_a_check(scenario: Scenario, variant: Variant) -> None:
    for sentence in chain(sentences(scenario.story), sentences(variant.note)):
        if STATES.search(sentence) and not SUPPOSES.search(sentence):
            assert sentence in ELSEWHERE or checks(sentence), sentence


def sentences(text: str) -> Iterator[str]:
    """Its clauses: each can be true or false by itself."""
    yield from re.split(r"(?<=[.!?:;])\s+|, while |, and (?=REPEATABLE READ)", " ".join(text.split()))


#: A number, or a word for what came of a run.
STATES = re.compile(r"(?<!\w)\d|\b(abort\w*|refuse\w*|fails?|failed|lost|waits|waited|deadlock|works|lets both)\b")
#: What it says is a rule, a wish or a case that is not run.
SUPPOSES = re.compile(
    r"\b(would|could|may|might|can|cannot|must|should|if|unless|whether|as long as|without|whoever)\b", re.IGNORECASE
)


def scope(sentence: str) -> frozenset[Isolation] | None:
    """The levels that it speaks of; None where it goes on from the one before."""
    found = [(sentence.index(words), place) for place, (words, _levels) in enumerate(_SCOPES) if words in sentence]
    return _SCOPES[min(found)[1]][1] if found else None


_SCOPES: Sequence[tuple[str, frozenset[Isolation]]] = (
    ("at every level", frozenset(Isolation)),
    ("at any level", frozenset(Isolation)),
    ("From REPEATABLE READ on", frozenset({RR, SER})),
    ("from REPEATABLE READ on", frozenset({RR, SER})),
    ("READ COMMITTED", frozenset({RU, RC})),
    ("REPEATABLE READ", frozenset({RR})),
    ("SERIALIZABLE", frozenset({SER})),
)


def holds(sentence: str, result: RunResult) -> bool:
    return sentence in ELSEWHERE or all(check(result) for check in checks(sentence))


def checks(sentence: str) -> list[Callable[[RunResult], bool]]:
    """What this sentence claims of a run."""
    return [make(match) for pattern, make in CLAIMS for match in re.finditer(pattern, sentence)]


def numbers_seen(result: RunResult) -> set[str]:
    """Every number that stands in a statement, an answer, a message of the server or the committed state."""
    rule = result.scenario.invariant
    texts: list[object] = [result.scenario.setup, result.variant.setup, rule.sql if rule else ""]
    texts += [step.sql for session in result.variant.sessions for step in session.steps]
    for event in result.history.events:
        if isinstance(event, StatementStarted):
            texts += [event.sql, *(value for _name, value in event.parameters)]
        if isinstance(event, StatementFinished):
            texts += [event.tag, event.rows]
        if isinstance(event, ServerMessage):
            texts += [event.text, event.detail]
        texts += [row.values for table in getattr(event, "tables", ()) for row in getattr(table, "rows", ())]
    return {number for text in texts for number in re.findall(r"\d+", str(text))}


def failed_with(state: str) -> Callable[[RunResult], bool]:
    return lambda result: any(getattr(event, "sqlstate", None) == state for event in result.history.events)


def waits_of(result: RunResult) -> list[StepBlocked]:
    return [event for event in result.history.events if isinstance(event, StepBlocked)]


def names_three_waits(event: object) -> bool:
    return getattr(event, "detail", "").count(" waits for ") == 3


def blocked(result: RunResult) -> bool:
    return bool(waits_of(result))


def aborted(result: RunResult) -> bool:
    return bool(result.aborts)


def works(result: RunResult) -> bool:
    return result.outcome in (Outcome.SAFE, Outcome.RETRIED, Outcome.ABORTED)


def tried_again(result: RunResult) -> bool:
    """By the application's own second attempt, in the same session or another one."""
    return retried(result) or (aborted(result) and any("alter" in abort.step for abort in result.aborts))


def retried(result: RunResult) -> bool:
    return any(abort.retried_as for abort in result.aborts)


def named(name: str) -> Callable[[RunResult], bool]:
    return lambda result: any(anomaly.name == name for anomaly in result.confirmed.anomalies)


def sent(words: str) -> Callable[[RunResult], bool]:
    return lambda result: any(words in getattr(event, "sql", "") for event in result.history.events)


def saw_number(number: str) -> Callable[[RunResult], bool]:
    return lambda result: number in numbers_seen(result)


def no(check: Callable[[RunResult], bool]) -> Callable[[RunResult], bool]:
    return lambda result: not check(result)


#: Not before a wait that is one.
NEGATED = "".join(f"(?<!{word} )" for word in ("nobody", "Nobody", "ever", "it", "neither", "no INSERT of a message"))

#: What a match of the pattern claims.
CLAIMS: tuple[tuple[str, Callable[[re.Match[str]], Callable[[RunResult], bool]]], ...] = (
    (r"\((\d{2}[0-9A-Z]{3})\)", lambda found: failed_with(found[1])),
    (r"\((P2|G2-item)\)", lambda found: named(found[1])),
    (r"(G1b|G1c|OTV) does not occur", lambda found: no(named(found[1]))),
    (r"sleeps (\d+) ms", lambda found: sent(f"pg_sleep({int(found[1]) / 1000})")),
    (r"(?<![\w(.])(?<!PostgreSQL )(?<!sleeps )(\d+)(?![\w)]|\.\d)", lambda found: saw_number(found[1])),
    (r"\b[Ii]t works\b", lambda _: works),
    (r"[Nn]obody (ever )?waits|neither waits|it began, and waits for nobody|no INSERT .* waits", lambda _: no(blocked)),
    (
        rf"{NEGATED}\b([Ww]aits|waited|[Hh]as to wait)(?=,| (for|until|at|already|and))(?! for nobody)",
        lambda _: blocked,
    ),
    (r"Two of the waits are only a chain", lambda _: lambda result: len(waits_of(result)) == 3),
    (r"DETAIL names all three waits", lambda _: lambda result: any(map(names_three_waits, result.history.events))),
    (r"work is lost", lambda _: aborted),
    (r"every deadlock is a retry", lambda _: retried),
    (r"A wait instead of a deadlock", lambda _: lambda result: blocked(result) and not aborted(result)),
    (r"nobody is aborted|nobody is ended|nothing fails|[Nn]o error\b", lambda _: no(aborted)),
    (r"(?<!nobody )(?<!card )\b(is|are|was) (then )?(aborted|ended|refused)", lambda _: aborted),
    (r"\baborts (one|the|and)|refuses (it|the|to|its)|\bgives up\b|\bis told to\b", lambda _: aborted),
    (r"nobody has to run again", lambda _: no(retried)),
    (r"\bmust be run again|(?<!has to )\b[Rr]un again|a retry settles|second attempt", lambda _: tried_again),
    (
        r"lets (both|it happen)|It fails at|commits this at every",
        lambda _: lambda result: result.outcome is Outcome.ANOMALY,
    ),
    (r"fails and everything is rolled back", lambda _: lambda result: result.outcome is Outcome.RULE_BROKEN),
)

#: Sentences that speak of something else than these runs: a server's settings, other programs, locks in general.
ELSEWHERE: frozenset[str] = frozenset(
    {
        "A session that waits looks for a circle once, deadlock_timeout after its wait began.",
        "lock_timeout is 0 by default, and that means no limit.",
        "Behind a pooler that hands out a connection for each transaction it is also the only kind that works.",
        "a plain SELECT never waits for one.",
        # what two readers with FOR SHARE come to who then write: row_lock_strengths runs it
        "And two such readers who both go on to write the row wait for each other:",
        "a deadlock.",
    }
)
