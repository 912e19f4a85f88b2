"""A question whose answer, and whose wrong choices, are what happened in runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import streamlit as st

from simulator.course.chapter import Question
from simulator.course.shows import written
from simulator.engines.base import Engine
from simulator.i18n import gettext as _
from simulator.model import Outcome
from simulator.ui.components import kept
from simulator.ui.kit.plain import plain
from simulator.ui.learn import figures, runs
from simulator.ui.learn.runs import Plan, Result
from simulator.ui.schedules.predict import GUESSES


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was observed: `choices`, the answer among them, in an order that tells nothing."""

    plan: Plan
    result: Result
    answer: str
    choices: tuple[str, ...]


def of(question: Question, name: str) -> Asked:
    """Run it, and the runs that its wrong choices come from; kept under `name`. Raises EngineError, EngineBusy."""
    return kept.made(name, question.key, partial(observe, question), doing=_("The answers are being run"))


def observe(question: Question, engine: Engine) -> Asked:
    """The same without a page. Runs of one query are one run."""
    plan = runs.plan(question.lab, question.query)
    result = plan.run(engine)
    facts = {question.query: plan.facts(result)}
    values = [written(facts[question.query][question.fact])]
    for other in question.others:
        change, _sign, fact = other.partition("#")
        query = runs.changed(question.query, change) if change else question.query
        if query not in facts:
            beside = runs.plan(question.lab, query)
            facts[query] = beside.facts(beside.run(engine))
        values.append(written(facts[query][fact or question.fact]))
    return Asked(plan, result, values[0], tuple(sorted(dict.fromkeys(values), key=_order)))


def _order(value: str) -> tuple[bool, float, str]:
    """Numbers by their size, words by their letters."""
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, value


def choose(question: Question, asked: Asked, key: str) -> str | None:
    """Show question and choices; what was chosen, None for nothing yet."""
    st.markdown(f"**{question.ask}**")
    chosen = st.radio(
        plain(question.ask),
        list(asked.choices),
        index=None,
        key=key,
        format_func=lambda value: plain(label(question.fact, value)),
        label_visibility="collapsed",
        persist_state="session",
    )
    return None if chosen is None else str(chosen)


def label(fact: str, value: str) -> str:
    """A fact's value for people."""
    words: Mapping[str, Callable[[str], str]] = _WORDS
    told = words.get(fact.rpartition(".")[2])
    return told(value) if told else value


def resolve(question: Question, asked: Asked, chosen: str, name: str) -> bool:
    """Whether it was right, why, and the run that decides it."""
    right = chosen == asked.answer
    said = f"✓ {_('Right')}" if right else f"✕ {_('Not quite')}"
    answer = plain(label(question.fact, asked.answer))
    st.markdown(f"**{said}** · {_('It was: {answer}').format(answer=answer)}")
    st.markdown(question.because)
    figures.show(name, asked.plan, asked.result)
    return right


_WORDS = MappingProxyType(
    {
        "outcome": lambda value: _(GUESSES[Outcome(value)]) if Outcome(value) in GUESSES else value,
        "silent": lambda value: _("yes") if value == "yes" else _("no"),
    }
)
