"""Every scenario by its whole name, in groups, searched as one types; what it came to at each level; all are links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.anomalies.phenomena import BY_NAME
from simulator.figures.palette import OUTCOMES, outcome_word
from simulator.i18n import LANGUAGES, speaking
from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario
from simulator.scenarios.loader import catalogue, find
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.app.manager import manager
from simulator.ui.kit.slots import HERE, Slot, here
from simulator.ui.schedules import runs
from simulator.ui.schedules.pick import FAMILIES, Shelf, first_level, href

SCRIPT = Path(__file__).with_suffix(".js")
_OPEN: Slot[bool] = Slot(HERE, "scenarios", False)


@fragment
def show(shelf: Shelf) -> None:
    """Behind a button, for it is long; what has not run yet runs when it is opened for the first time."""
    with st.popover(_("All scenarios"), icon="🗂️", width="content", key=_OPEN.key, on_change="rerun") as box:
        if not box.open:
            return
        _component()(
            key=here("scenario_list"),
            data={
                "rows": "".join(
                    _group(family) for family in sorted(FAMILIES, key=lambda one: one not in shelf.families)
                ),
                "label": _("Search: words of names, anomalies, statements and sentences"),
                "found": _("{shown} of {all} scenarios"),
            },
        )
        st.caption(_("What the first variant came to when it last ran on this server; ○ has not run yet."))
        with problems("scenario_list"):
            missing = [pair for pair in _every() if manager().outcomes.of(*pair) is None]
            if missing:
                runs.first_variants(missing)
                st.rerun()


def close() -> None:
    """Whoever followed a link of the list wants to see where it led; before the list is shown."""
    _OPEN.set(False)


def _every() -> Iterator[tuple[Scenario, Isolation]]:
    yield from ((scenario, level) for scenario in catalogue() for level in scenario.levels)


def _group(family: str) -> str:
    scenarios = [each for each in catalogue() if each.family == family]
    levels = [level for level in Isolation if any(level in scenario.levels for scenario in scenarios)]
    heads = "".join(f'<th scope="col"><abbr title="{level.value}">{level.short}</abbr></th>' for level in levels)
    rows = "".join(_row(scenario, levels) for scenario in scenarios)
    return f'<tbody><tr><th scope="colgroup">{escape(_(FAMILIES[family]))}</th>{heads}</tr>{rows}</tbody>'


def _row(scenario: Scenario, levels: list[Isolation]) -> str:
    found = [name for name in BY_NAME if name in manager().outcomes.anomalies(scenario)]
    name = f'<a class="tx-open" href="{_link(scenario, first_level(scenario))}">{escape(_(scenario.title))}</a>'
    tags = "".join(f' <small title="{escape(_(BY_NAME[one].title))}">{escape(one)}</small>' for one in found)
    dots = "".join(_dot(scenario, level) for level in levels)
    words = escape(_words(scenario.key, tuple(found)))
    return f'<tr data-words="{words}"><th scope="row">{name}{tags}</th>{dots}</tr>'


def _dot(scenario: Scenario, level: Isolation) -> str:
    if level not in scenario.levels:
        return "<td></td>"
    outcome = manager().outcomes.of(scenario, level)
    symbol, word, color = "○", _("not run"), "inherit"
    if outcome is not None:
        symbol, word, color = OUTCOMES[outcome].symbol, outcome_word(outcome), OUTCOMES[outcome].color
    name = escape(f"{level.value}: {word}")
    link = f'class="tx-open" href="{_link(scenario, level)}" title="{name}" aria-label="{name}"'
    return f'<td><a {link}><span class="tx-dot" style="--tx-color:{color}">{symbol}</span></a></td>'


def _link(scenario: Scenario, level: Isolation) -> str:
    return escape(href(scenario.key, scenario.variants[0].key, level))


@lru_cache(maxsize=512)
def _words(key: str, anomalies: tuple[str, ...]) -> str:
    """All that somebody may remember of a scenario of the catalogue, in every language, in small letters."""
    scenario = find(key)
    steps = {step.sql for variant in scenario.variants for session in variant.sessions for step in session.steps}
    said = [scenario.key, scenario.source, scenario.phenomenon or "", *anomalies, *sorted(steps)]
    for code in LANGUAGES:
        with speaking(code):
            said += [_(text) for text in _sentences(scenario)] + [_(BY_NAME[name].title) for name in anomalies]
    return " ".join(" ".join(said).lower().split())


def _sentences(scenario: Scenario) -> Iterator[str]:
    yield from (scenario.title, scenario.story, FAMILIES[scenario.family])
    yield from (text for variant in scenario.variants for text in (variant.title, variant.note) if text)
    if scenario.invariant is not None:
        yield scenario.invariant.title


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "txscope_scenarios",
        html=(
            '<input type="search" class="tx-search" autocomplete="off" spellcheck="false">'
            '<p class="tx-quiet" role="status"></p><table class="tx-scenarios"></table>'
        ),
        js=SCRIPT.read_text("utf-8"),
        isolate_styles=False,  # its links are followed as all links of ours
    )
