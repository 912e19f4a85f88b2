"""The score on a page: a component around `Plotly.react` with its own transport.

`st.plotly_chart` builds itself anew with every change and forgets the zoom; here the picture stays, and stepping needs
no server. Plotly's script is pip's own copy, served by this app (`plotly_route`), so that nothing leaves the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import plotly
import streamlit as st

from simulator.figures.labels import cut
from simulator.figures.score.drawing import Drawing
from simulator.figures.score.info import Axis, Mark, Status
from simulator.figures.score.notes import waits_text
from simulator.history.schedule import History
from simulator.i18n import gettext as _
from simulator.ui.app.plotly_script import SCRIPT
from simulator.ui.kit.slots import Slot, told

ASSETS = Path(__file__).parent / "assets"
#: One module, in the order in which its parts need each other.
SCRIPTS = (
    "score_fit.js",
    "score_page.js",
    "score_transport.js",
    "score_labels.js",
    "score_lanes.js",
    "score_telling.js",
    "score_future.js",
    "score_scene.js",
    "score_order.js",
    "score_view.js",
)


@dataclass(frozen=True, slots=True)
class SceneMoment:
    """What the caption says from then on."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A deadlock's end as it is played in the score; times are milliseconds of the viewer's own, sessions are lanes."""

    #: waiter and blocker
    cycle: tuple[tuple[int, int], ...]
    #: whose wait closes the cycle
    closer: int
    victim: int
    #: when the cycle closes, the victim gets its error, and who waited for it goes on
    closes: float
    fails: float
    wakes: float
    #: from when to when the victim's clock runs, and what it says
    bar: tuple[float, float]
    clock: str
    moments: tuple[SceneMoment, ...]
    length: float
    #: how long playing stays there
    hold: float


def score_view(
    figure: Drawing,
    marks: Sequence[Mark],
    *,
    key: str,
    step: int,
    labels: Mapping[str, str] | None = None,
    notes: Sequence[str] | None = None,
    scenes: Mapping[int, Scene] = MappingProxyType({}),
    ends: bool = False,
    run: str = "",
    movable: int = 0,
    on_order: Callable[[], None] | None = None,
) -> int:
    """Show a score with its transport; the step (a position in `marks`, -1 before the first) that is shown.

    `step` is where the view starts. A rerun with another `step` moves it there; a rerun with the same leaves it where
    the viewer is. `labels` replaces texts of `transport_labels()`, `notes` what the transport says of each position
    after its statement. `scenes` are positions at which more is shown than a step. `ends`: what
    the run came to stands elsewhere on the page, and the view covers it there until its last step is shown.
    With `run`, the name of the run in the figure, texts that belong to it or to a step of it are shown with the figure:
    see `at_step`. The first `movable` marks are bars whose order may be changed; `on_order` is called then, and asks
    `ordered`.
    """
    texts = {**transport_labels(), **(labels or {})}
    target, asked = _asked(key, step)
    component = _component()
    component(
        key=key,
        data={
            "figure": figure.json,
            "marks": _mark_data(marks, figure.axis, notes or [_note(mark, marks) for mark in marks], scenes),
            "step": target,
            "asked": asked,
            "labels": texts,
            "ends": ends,
            "run": run,
            "movable": movable,
            "script": f"{SCRIPT}?v={plotly.__version__}",
        },
        on_at_change=_nothing,
        on_order_change=on_order or _nothing,
    )
    return max(-1, min(_shown(key, target, asked), len(marks) - 1))


def clicked(key: str) -> int | None:
    """The position whose bar was clicked last in the view with this key."""
    found = _state(key).get("clicked")
    return found if isinstance(found, int) else None


def run_name(history: History) -> str:
    """What a run is called on the page, so that what is told of it comes and goes in one frame with its figure.

    The view hides what has `data-txs-of` another run than the one that it shows.
    """
    return f"{history.events[0].at_ns:x}" if history.events else "none"


def at_step(run: str, positions: Iterable[int], html: str, *, first: bool) -> str:
    """A text that is shown while the view stands at one of these positions of this run, without asking the server.

    `first`: it is shown until a view is there.
    """
    places = " ".join(f"{run}.{position}" for position in positions)
    return f'<section data-txs-at="{places}"{" data-txs-first" if first else ""}>{html}</section>'


def key_at_step(key: str, run: str, positions: Iterable[int]) -> str:
    """The key of a container that is seen at these positions as such a text is; it always has its size."""
    return f"{key}_txs_at_{run}_{''.join(f's{position + 1}_' for position in positions)}"


def ordered(key: str) -> tuple[str, ...]:
    """The keys of the steps in the order that was just wanted of the view with this key; empty for none."""
    found = told(key).get("order")
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def transport_labels() -> dict[str, str]:
    """Names of the buttons and other texts of the view, in the language in use."""
    return {
        "transport": _("Transport"),
        "chart": _("Score: one lane a session, one bar a statement"),
        "first": _("First step (Home)"),
        "previous": _("Previous step (←)"),
        "play": _("Play (Space)"),
        "pause": _("Pause (Space)"),
        "next": _("Next step (→)"),
        "last": _("Last step (End)"),
        "speed": _("Speed"),
        "pending": _("What comes of it stands here at the last step."),
        "reset": _("Show everything (double click)"),
        **order_labels(),
        "unavailable": _("The timeline needs its script, and this server did not deliver it. Reload the page."),
    }


def order_labels() -> dict[str, str]:
    """What the handles of the bars are called, and why a bar goes no farther."""
    return {
        "order": _("Order of the steps"),
        "move": _("Drag {step}, or move it with Alt and ← →"),
        "earlier": _("{step} one place earlier (Alt ←)"),
        "later": _("{step} one place later (Alt →)"),
        "behind": _("{step} stays behind {other}: a session keeps its own order."),
        "before": _("{step} stays before {other}: a session keeps its own order."),
        "again": _("What is run again after an abort has no place in the order."),
    }


def _nothing() -> None:
    """Streamlit registers a state value by its callback."""


def _asked(key: str, step: int) -> tuple[int, int]:
    """The step that the page asked for last, and a number that grows with every such wish.

    A page that passes back where the viewer is asks for nothing; its data stay the same, and the view is not called.
    """
    memory = _memory(key, step)
    before, target, number = memory.get()
    if step not in (before, _state(key).get("step")):
        target, number = step, number + 1
    memory.set((step, target, number))
    return target, number


def follow(key: str, step: int) -> None:
    """The page stands where the viewer is from now on: should it want where it stood before, it asks for it."""
    memory = _memory(key, step)
    _before, target, number = memory.get()
    memory.set((step, target, number))


def _memory(key: str, step: int) -> Slot[tuple[int, int, int]]:
    """The step that the page gave last, the one that it asked for last, and the number of that wish."""
    return Slot(key, "asked", (step, step, 0))


def _shown(key: str, target: int, asked: int) -> int:
    """The viewer's step, unless the page asked for one since."""
    state = _state(key)
    return int(state["step"]) if state.get("asked") == asked else target


def _state(key: str) -> Mapping[str, Any]:
    at = told(key).get("at")
    return at if isinstance(at, Mapping) else {}


def _mark_data(
    marks: Sequence[Mark], axis: Axis, notes: Sequence[str], scenes: Mapping[int, Scene]
) -> list[dict[str, object]]:
    """What the transport needs of each mark; `until` is where the playhead stands, on the figure's axis."""
    ends = [mark.place.ms.end for mark in marks]
    if axis is Axis.STEPS:
        untils = [mark.place.steps.start + 1 for mark in marks]
    else:
        untils = [*(mark.place.ms.start for mark in marks[1:]), max(ends, default=0.0)]
    return [
        {
            "session": mark.session,
            "step": mark.step,
            "text": cut(mark.sql or mark.label, 90),
            "note": note,
            "until": until,
            "again": mark.attempt > 1,
            "scene": asdict(scenes[mark.position]) if mark.position in scenes else None,
        }
        for mark, note, until in zip(marks, notes, untils, strict=True)
    ]


def _note(mark: Mark, marks: Sequence[Mark]) -> str:
    """What became known at this position: of its own statement, and of those that ended their wait with it."""
    woken = [other for other in marks if other.position < mark.position and other.settled_at == mark.position]
    return " ".join(filter(None, (_own_note(mark), *(_woken_note(other) for other in woken))))


def _own_note(mark: Mark) -> str:
    if mark.status is Status.SKIPPED:
        return f"— {mark.detail}"
    if mark.settled_at is None or mark.settled_at > mark.position:
        return "— " + waits_text(mark.waited_for)
    if mark.sqlstate:
        return f"✕ {mark.sqlstate} {mark.detail}"
    return f"→ {mark.result}" if mark.result else ""


def _woken_note(mark: Mark) -> str:
    if mark.sqlstate:
        return "· " + _("{session} fails: {sqlstate} {message}").format(
            session=mark.session, sqlstate=mark.sqlstate, message=mark.detail
        )
    return "· " + _("{session} goes on").format(session=mark.session) + (f" → {mark.result}" if mark.result else "")


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "txscope_score",
        html=_asset("score_view.html"),
        css=_asset("score_view.css"),
        js="\n".join(map(_asset, SCRIPTS)),
        isolate_styles=False,  # Plotly puts its style sheet into the document, where a shadow root would not see it
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
