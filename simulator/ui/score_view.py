"""The score on a page: a component around `Plotly.react` with its own transport.

`st.plotly_chart` builds itself anew with every change and forgets the zoom; here the picture stays, and stepping needs
no server. Plotly's script is pip's own copy, served by this app (`plotly_route`), so that nothing leaves the machine.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import plotly
import plotly.graph_objects as go
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.figures.labels import cut
from simulator.figures.score_info import Axis, Mark, Status
from simulator.figures.score_notes import waits_text
from simulator.i18n import gettext as _

ASSETS = Path(__file__).parent / "assets"
#: One module, in the order in which its parts need each other.
SCRIPTS = ("score_fit.js", "score_page.js", "score_transport.js", "score_view.js")
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
#: Beside Streamlit's own `static/`, so the browser finds it below any base path; asked for with its version.
SCRIPT = "txscope/plotly.min.js"


def plotly_route() -> Route:
    """The route that `score_view` loads Plotly from; give it to `st.App(routes=[...])`."""
    return Route("/{base:path}" + SCRIPT, _serve_plotly, methods=["GET", "HEAD"])


def score_view(
    figure: go.Figure,
    marks: Sequence[Mark],
    *,
    key: str,
    step: int,
    labels: Mapping[str, str] | None = None,
    notes: Sequence[str] | None = None,
    holds: Mapping[int, float] = MappingProxyType({}),
) -> int:
    """Show a score with its transport; the step (a position in `marks`) that is shown.

    `step` is where the view starts. A rerun with another `step` moves it there; a rerun with the same leaves it where
    the viewer is. `labels` replaces texts of `transport_labels()`, `notes` what the transport says of each position
    after its statement. `holds` are positions at which playing stays for at least so many milliseconds.
    """
    texts = {**transport_labels(), **(labels or {})}
    target, asked = _asked(key, step)
    axis = Axis(figure.layout.meta["axis"])
    component = _component()
    component(
        key=key,
        data={
            "figure": figure.to_json(),
            "marks": _mark_data(marks, axis, notes or [_note(mark, marks) for mark in marks], holds),
            "step": target,
            "asked": asked,
            "labels": texts,
            "script": f"{SCRIPT}?v={plotly.__version__}",
        },
        on_at_change=_nothing,
    )
    return max(0, min(_shown(key, target, asked), len(marks) - 1))


def clicked(key: str) -> int | None:
    """The position whose bar was clicked last in the view with this key."""
    found = _state(key).get("clicked")
    return found if isinstance(found, int) else None


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
        "reset": _("Show everything (double click)"),
        "unavailable": _("The timeline needs its script, and this server did not deliver it. Reload the page."),
    }


def _nothing() -> None:
    """Streamlit registers a state value by its callback."""


def _asked(key: str, step: int) -> tuple[int, int]:
    """The step that the page asked for last, and a number that grows with every such wish.

    A page that passes back where the viewer is asks for nothing; its data stay the same, and the view is not called.
    """
    memory = f"{key}:asked"
    before, target, number = st.session_state.get(memory, (step, step, 0))
    if step not in (before, _state(key).get("step")):
        target, number = step, number + 1
    st.session_state[memory] = (step, target, number)
    return target, number


def _shown(key: str, target: int, asked: int) -> int:
    """The viewer's step, unless the page asked for one since."""
    state = _state(key)
    return int(state["step"]) if state.get("asked") == asked else target


def _state(key: str) -> Mapping[str, Any]:
    state = st.session_state.get(key) or {}
    at = state.get("at")
    return at if isinstance(at, Mapping) else {}


def _mark_data(
    marks: Sequence[Mark], axis: Axis, notes: Sequence[str], holds: Mapping[int, float]
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
            "text": cut(mark.sql or mark.label, 90),
            "note": note,
            "until": until,
            "hold": holds.get(mark.position, 0.0),
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


@lru_cache(maxsize=2)
def _plotly_body(compressed: bool) -> bytes:
    body = PLOTLY.read_bytes()
    return gzip.compress(body, compresslevel=6, mtime=0) if compressed else body


def _serve_plotly(request: Request) -> Response:
    """Compressed once a process; a plain function, so Starlette runs it in a thread."""
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{plotly.__version__}-{"gzip" if compressed else "plain"}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(_plotly_body(compressed), media_type="text/javascript", headers=headers)
