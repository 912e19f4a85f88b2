"""The score on a page, without a browser: which step Python takes for shown, what the view is given, its script."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from simulator.ui.app.plotly_script import PLOTLY, SCRIPT, plotly_route


def page() -> None:
    import streamlit as st

    from simulator.figures.score.plot import Axis, plot_score, score_info
    from simulator.ui.components.score_view import Scene, clicked, follow, score_view
    from tests.unit import score_samples as samples

    info = score_info(samples.lost_update(), samples.LOST_UPDATE)
    figure = plot_score(info, Axis(st.session_state.get("axis", "steps")))
    scene = Scene(((0, 1), (1, 0)), 1, 1, 1.0, 2.0, 3.0, (1.0, 2.0), "1 ms", (), 3.0, hold=2500.0)
    step = score_view(figure, info.marks, key="score", step=st.session_state.get("want", 0), scenes={3: scene})
    if st.session_state.get("follows"):
        follow("score", step)
    st.json({"step": step, "clicked": clicked("score")})


def open_page(**state: Any) -> AppTest:
    at = AppTest.from_function(page, default_timeout=100)
    for name, value in state.items():
        at.session_state[name] = value
    return at.run()


def shown(at: AppTest) -> dict[str, Any]:
    assert not at.exception, at.exception
    found: dict[str, Any] = json.loads(at.json[0].value)
    return found


def data(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(at.get("bidi_component")[0].proto.json)
    return found


def viewer_goes(at: AppTest, step: int, clicked: int | None = None) -> AppTest:
    """As the browser reports it."""
    at.session_state["score"] = {"at": {"step": step, "asked": data(at)["asked"], "clicked": clicked}}
    return at.run()


def test_starts_where_the_page_says() -> None:
    assert shown(open_page(want=4)) == {"step": 4, "clicked": None}


def test_playing_stays_where_there_is_something_to_look_at() -> None:
    scenes = [mark["scene"] for mark in data(open_page())["marks"]]
    assert [scene and scene["hold"] for scene in scenes] == [None, None, None, 2500, None, None]


@pytest.mark.parametrize(("want", "step"), [(99, 5), (-3, -1)])
def test_a_step_that_is_not_there_is_the_nearest(want: int, step: int) -> None:
    assert shown(open_page(want=want))["step"] == step


def test_the_viewer_is_left_where_the_viewer_is() -> None:
    at = viewer_goes(open_page(), 3)
    assert shown(at)["step"] == 3
    assert shown(at.run())["step"] == 3


def test_a_page_that_passes_the_step_back_asks_for_nothing() -> None:
    at = open_page()
    before = data(at)
    at = viewer_goes(at, 3)
    at.session_state["want"] = 3
    assert data(at.run()) == before
    assert shown(at)["step"] == 3


def test_a_link_to_another_step_moves_the_view_and_then_lets_go() -> None:
    at = viewer_goes(open_page(), 3)
    at.session_state["want"] = 1
    at = at.run()
    assert shown(at)["step"] == 1
    assert data(at)["step"] == 1
    assert shown(viewer_goes(at, 2))["step"] == 2


def test_the_same_link_twice_moves_the_view_twice() -> None:
    at = viewer_goes(open_page(), 3)
    for want in (1, 0, 1):
        at.session_state["want"] = want
        at = at.run()
        assert shown(at)["step"] == want


def test_a_page_that_follows_moves_the_view_back_to_where_it_stood_before() -> None:
    at = viewer_goes(open_page(want=5, follows=True), 3)
    assert shown(at)["step"] == 3
    assert shown(at.run())["step"] == 5, "as after the choice of another level, whose end is the same step"
    assert data(at)["step"] == 5


def test_a_clicked_bar_is_told() -> None:
    assert shown(viewer_goes(open_page(), 2, clicked=2)) == {"step": 2, "clicked": 2}


def test_the_view_is_given_a_playhead_for_every_position_on_the_figures_axis() -> None:
    assert [mark["until"] for mark in data(open_page())["marks"]] == [1, 2, 3, 4, 5, 6]
    untils = [mark["until"] for mark in data(open_page(axis="time"))["marks"]]
    assert untils == sorted(untils)
    assert len(set(untils)) == 6


def test_captions_say_what_was_known_at_each_position() -> None:
    notes = [mark["note"] for mark in data(open_page())["marks"]]
    assert notes == ["→ 100", "→ 100", "", "— waits for T1", "· T2 goes on", ""]


def test_texts_are_given_from_python() -> None:
    labels = data(open_page())["labels"]
    assert labels["next"] == "Next step (→)"
    assert all(labels.values())


def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, asked of the route as a server would ask."""
    sent: list[Any] = []
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "GET", "path": path, "root_path": "", "headers": lines, "query_string": b"v=1",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Starlette(routes=[plotly_route()])(scope, receive, send))
    start = sent[0]
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], named, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("base", ["", "/workshop", "/a/b"])
def test_plotlys_script_is_served_below_any_base_path(base: str) -> None:
    status, headers, body = get(f"{base}/{SCRIPT}", accept_encoding="gzip, br")
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert "immutable" in headers["cache-control"]
    assert gzip.decompress(body) == PLOTLY.read_bytes()


def test_plotlys_script_is_plain_for_who_takes_no_gzip_and_known_again() -> None:
    status, headers, body = get(f"/{SCRIPT}", accept_encoding="identity")
    assert (status, len(body)) == (200, PLOTLY.stat().st_size)
    assert "content-encoding" not in headers
    status, _headers, body = get(f"/{SCRIPT}", accept_encoding="identity", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
