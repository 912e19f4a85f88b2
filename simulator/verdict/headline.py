"""What a run came to, the first line for the last row of a room: plain words with this run's own numbers or names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.execution.invariant import explain_invariant
from simulator.execution.run import Abort
from simulator.history.schedule import StatementFinished
from simulator.i18n.text import Text
from simulator.model import Outcome
from simulator.state.changes import explain_answer, explain_changes
from simulator.verdict.explain import explain_finding
from simulator.verdict.run import RunResult

#: What came of it is told before what is stored.
_WRONG = (Outcome.ANOMALY, Outcome.BY_DESIGN)
#: The abort is what the run came to.
_GAVE_UP = (Outcome.ABORTED, Outcome.DEADLOCK)


def came_to(result: RunResult) -> tuple[Text, ...]:
    """The outcome's lines, the telling one first; `{rule}` is left to be given: the rule's title as people read it."""
    if result.reason:
        return (result.reason,)
    stands, finding = tuple(_stands(result)), explain_finding(result.facts)
    return (*finding, *stands) if result.outcome in _WRONG else (*stands, *finding)


def with_aborts(result: RunResult, told: Sequence[Text]) -> tuple[Text, ...]:
    """The lines with each abort: before what holds all the same, or behind the telling one."""
    gave_up = tuple(map(explain_abort, result.aborts))
    return (*gave_up, *told) if result.outcome in _GAVE_UP else (*told[:1], *gave_up, *told[1:])


def explain_abort(abort: Abort) -> Text:
    """Which transaction was given up where, and what came of it."""
    if abort.sqlstate is None:
        text = Text.of("{transaction} gave up at {step}, since it saw a conflict")
    else:
        text = Text.of("{transaction} was aborted at {step} ({state}: {message})")
    text = text.given(transaction=abort.transaction, step=abort.step, state=abort.sqlstate, message=abort.message)
    if abort.retried_as is None:
        return Text.joined("", (text, "."))
    return Text.of("{text}; run again as {again}, it committed.", text=text, again=abort.retried_as)


def _stands(result: RunResult) -> Iterator[Text]:
    """What is so at the end: the answer that the case is about, by the rule, or by what is stored."""
    asked = result.scenario.telling
    answers = (
        [event for event in result.history.of_step(asked) if isinstance(event, StatementFinished)] if asked else ()
    )
    if answers:
        yield explain_answer(answers[-1])
    elif result.invariant is not None:
        yield explain_invariant(result.invariant)
    elif result.outcome not in _WRONG:
        yield explain_changes(result.history)
