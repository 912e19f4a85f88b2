"""Findings on the Sessions page: in words, with line, cost and cure, their bars and their demonstration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from simulator.figures.swimlanes.lit import PALE
from simulator.history.schedule import History
from simulator.traces import read
from simulator.ui.sessions.runs import Shown

Opener = Callable[..., AppTest]
HISTORIES = Path(__file__).parents[1] / "histories"


def opened(open_page: Opener, name: str) -> AppTest:
    """The page with a history that somebody opened."""
    at = open_page("sessions", mix="messages", requests="1")
    history = History.from_json((HISTORIES / f"{name}.json").read_text("utf-8"))
    at.session_state["sessions_shown"] = Shown(history, read(history), title=name)
    at.run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in (*at.markdown, *at.caption))


def opacities(at: AppTest) -> set[float]:
    """Of the bars in the timeline."""
    found: set[float] = set()
    for component in at.get("bidi_component"):
        if "figure" not in component.proto.json:
            continue
        figure: dict[str, Any] = json.loads(json.loads(component.proto.json)["figure"])
        for trace in figure["data"]:
            opacity = trace.get("marker", {}).get("opacity")
            found |= set(opacity) if isinstance(opacity, list) else set()
    return found


def test_an_opened_history_is_told_in_words_the_worst_first(open_page: Opener) -> None:
    at = opened(open_page, "sessions/pool_time_out")
    labels = [each.label for each in at.expander if "·" in each.label]
    assert labels[0].startswith("❌ Failed · The pool had no connection left")
    assert "kinds.py:126 llm_inside" in said(at)
    assert "2 requests were told an error" in said(at)
    assert "The model thinks inside the transaction" in said(at)


def test_a_finding_lights_up_its_bars_and_opens_their_requests(open_page: Opener) -> None:
    at = opened(open_page, "sessions/pool_time_out")
    assert opacities(at) == set()
    at.button(key="sessions_finding_light_0").click().run()
    assert not at.exception
    assert opacities(at) == {1.0, PALE}
    assert len(at.session_state["sessions_lanes_opened"]) > 1
    at.button(key="sessions_finding_light_0").click().run()
    assert opacities(at) == set()


def test_a_right_history_says_that_nothing_was_found_and_what_that_proves(open_page: Opener) -> None:
    at = opened(open_page, "sessions/save_message")
    assert "no proof that nothing is wrong" in said(at)


def test_a_history_of_a_schedule_is_judged_without_an_error(open_page: Opener) -> None:
    at = opened(open_page, "observed/deadlock_rc")
    assert not at.exception
