"""Two runs on one axis, and what became another in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html import escape
from types import MappingProxyType
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.swimlanes.info import SwimlanesInfo
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.sessions.catalogue import mix
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings
from simulator.traces.critical import Totals, duration, totals
from simulator.traces.pool import pool_totals
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.components import kept, legend
from simulator.ui.components.chart_view import chart_view
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import link, runs
from simulator.ui.sessions.runs import Shown

#: Pixels of both figures together at a font of 16: with the sentence and the legend they fit a screen of 1,080.
HEIGHT = 720
#: Pixels that the lanes' names take: the same for both, so that one axis is one axis.
NAMES = 300
_LLM = Load(mix("llm_inside"), 30, llm_s=0.5, settings=Settings(pool_size=5, max_overflow=0, pool_timeout=2.0))


class Preset(NamedTuple):
    """Two loads that differ in one thing."""

    title: str
    first: Load
    second: Load


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "place": Preset(
            N_("The LLM inside or outside of the transaction"), _LLM, replace(_LLM, mix=mix("llm_outside"))
        ),
        "pool": Preset(N_("A pool of 5 or of 20"), _LLM, replace(_LLM, settings=replace(_LLM.settings, pool_size=20))),
        "driver": Preset(
            N_("sync or async"),
            replace(_LLM, mix=mix("llm_outside")),
            replace(_LLM, mix=mix("llm_outside"), is_async=True),
        ),
    }
)
BEFORE = "before"


class Run(NamedTuple):
    """One of the two."""

    load: Load | None
    trace: Trace
    title: str = ""


def show(shown: Shown) -> None:
    """The run before beside this one; or two that are made for it."""
    earlier = runs.before()
    choices = [*([BEFORE] if earlier is not None else []), *PRESETS]
    chosen = st.segmented_control(
        _("Which two"),
        choices,
        default=choices[0] if earlier is not None else None,
        key="sessions_pair",
        format_func=lambda key: _("The run before and this one") if key == BEFORE else _(PRESETS[key].title),
        label_visibility="collapsed",
        wrap=True,
    )
    if chosen is None:
        st.caption(_("Choose two loads: both run, one after the other, and stand on one axis."))
        return
    if chosen == BEFORE and earlier is not None:
        _show(_run(earlier), _run(shown))
    elif chosen in PRESETS:
        _show(*_made(str(chosen)))


def _run(shown: Shown) -> Run:
    return Run(shown.result.load if shown.result else None, shown.trace, shown.title)


def _made(key: str) -> tuple[Run, Run]:
    """Both loads of a preset, run once and kept."""
    preset = PRESETS[key]
    found = kept.made(
        f"sessions_pair_{key}",
        None,
        lambda engine: tuple(Run(load, read(run_load(engine, load).history)) for load in (preset.first, preset.second)),
        doing=_("Both run on a real server"),
    )
    return found[0], found[1]


def _show(first: Run, second: Run) -> None:
    st.html(f'<div class="tx-pair">{escape(difference(first, second))}</div>')
    figures = tuple(drawn(first, second))
    for number, (run, figure) in enumerate(zip((first, second), figures, strict=True)):
        st.markdown(f"**{plain(called(run, first if number else second))}**")
        chart_view(figure, key=f"sessions_pair_{number}", label=_("Swimlanes of one of two runs, on the same axis"))
    legend.show(*figures)


def drawn(first: Run, second: Run) -> Iterator[go.Figure]:
    """Both on the axis of the longer one, low enough for one screen together."""
    infos = [swimlanes_info(run.trace, fold=True) for run in (first, second)]
    start = min(info.start_ms for info in infos)
    end = max(info.end_ms for info in infos)
    for info in infos:
        yield _low(info, plot_swimlanes(info, dark=st.context.theme.type == "dark"), start, end)


def _low(info: SwimlanesInfo, figure: go.Figure, start: float, end: float) -> go.Figure:
    length = max(end - start, 1e-3)
    figure.update_layout(
        height=min(figure.layout.height, HEIGHT // 2),
        margin_l=NAMES,
        xaxis_range=[start - 0.01 * length, end + 0.02 * length],
        uirevision=f"pair {start} {end} {info.end_ms}",
    )
    return figure


def difference(first: Run, second: Run) -> str:
    """What was changed, and what became another: answered, in vain, how long it took, who waited."""
    facts = [_facts(run.trace) for run in (first, second)]
    parts = [
        _("{what} {first} → {second}").format(what=_(name), first=tell(facts[0]), second=tell(facts[1]))
        for name, tell in _FACTS
        if tell(facts[0]) != tell(facts[1])
    ]
    told = _("; ").join(parts) if parts else _("nothing that is counted here became another")
    changed = _(", ").join(changes(first, second))
    return f"{changed}: {told}." if changed else f"{told}."


class _Facts(NamedTuple):
    sums: Totals
    waiting: int
    duration_ms: float


def _facts(trace: Trace) -> _Facts:
    return _Facts(totals(trace), pool_totals(trace).waiting, trace.duration_ms)


_FACTS: tuple[tuple[str, Callable[[_Facts], str]], ...] = (
    (N_("answered"), lambda facts: f"{facts.sums.ok} / {facts.sums.requests}"),
    (N_("waited in vain"), lambda facts: str(facts.sums.timed_out)),
    (N_("waiting at once, at most"), lambda facts: str(facts.waiting)),
    (N_("all done after"), lambda facts: duration(facts.duration_ms)),
)


def changes(first: Run, second: Run) -> list[str]:
    """Each setting that is another, as `pool_size 5 → 20`."""
    if first.load is None or second.load is None:
        return []
    one, other = link.LINK.whole(first.load), link.LINK.whole(second.load)
    return [
        f"{_WORDS.get(name, str)(name)} {_value(name, one[name])} → {_value(name, other[name])}"
        for name in one
        if one[name] != other[name]
    ]


_WORDS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "mix": lambda _name: _("Requests"),
        "requests": lambda _name: _("How many at once"),
        "is_async": lambda _name: _("Driver"),
        "llm_s": lambda _name: _("LLM answers after (s)"),
    }
)


def _value(name: str, text: str) -> str:
    if name == "mix":
        return f"“{_(link.MIX_OF[text].title)}”"
    return ("sync", "async")[int(text)] if name == "is_async" else text


def called(run: Run, other: Run) -> str:
    """What tells this run from the other."""
    if run.load is None:
        return run.title
    mine, its = link.LINK.whole(run.load), link.LINK.whole(other.load) if other.load else {}
    differing = [
        f"{_WORDS.get(name, str)(name)} {_value(name, text)}" for name, text in mine.items() if its.get(name) != text
    ]
    return _(", ").join(differing) or _(run.load.mix.title)
