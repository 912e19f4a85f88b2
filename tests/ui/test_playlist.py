"""A playlist: what its lines may be, that two buttons walk it over pages, and that the address keeps it."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from simulator.ui.app.playlist import MAX_LINKS, parse
from tests.ui.conftest import Opener
from tests.ui.texts import outcome

LINES = """# the lecture of Monday
/?variant=naive

http://127.0.0.1:8501/anomalies?scenario=lost_update&variant=atomic
locks?scenario=deadlock
"""


def test_lines_are_links_whole_or_short_and_comments_are_none() -> None:
    assert parse(LINES) == (
        ("home?variant=naive", "anomalies?scenario=lost_update&variant=atomic", "locks?scenario=deadlock"),
        (),
    )


def test_lines_that_lead_nowhere_are_told_and_left_out() -> None:
    assert parse("nowhere\nlocks\njavascript:alert(1)\nhttps://example.org/else") == (
        ("locks",),
        ("nowhere", "javascript:alert(1)", "https://example.org/else"),
    )
    assert len(parse("locks\n" * (MAX_LINKS + 5))[0]) == MAX_LINKS


def test_it_is_walked_over_pages_and_back(open_page: Opener) -> None:
    at = open_page("home", playlist="anomalies?scenario=lost_update&variant=atomic\nlocks?scenario=deadlock\n/")
    assert at.session_state["app_page"] == "anomalies"
    assert outcome(at) == "safe"
    assert at.button(key="app_playlist_previous").disabled
    at.button(key="app_playlist_next").click().run()
    assert at.session_state["app_page"] == "locks"
    assert at.session_state["locks_pick"].scenario.key == "deadlock"
    at.button(key="app_playlist_next").click().run()
    assert outcome(at) == "anomaly"
    assert at.button(key="app_playlist_next").disabled
    at.button(key="app_playlist_previous").click().run()
    assert at.session_state["app_page"] == "locks"


def test_a_link_with_a_place_opens_there(open_page: Opener) -> None:
    at = open_page("home", variant="atomic", playlist="/\n/?variant=atomic\nlocks", at="2")
    assert at.session_state["app_page"] == "home"
    assert outcome(at) == "safe"
    assert any("2 / 3" in each.value for each in at.markdown)


def test_a_list_without_a_link_is_none(open_page: Opener) -> None:
    at = open_page("home", playlist="nowhere")
    assert outcome(at) == "anomaly"
    assert [each for each in at.button if each.key == "app_playlist_next"] == []


def opened(at: AppTest) -> AppTest:
    """With its editor open, which draws nothing while it is shut."""
    at.session_state["app_playlist_box"] = True
    return at.run()


def test_lines_can_be_typed_and_ended(open_page: Opener) -> None:
    at = opened(open_page("home"))
    at.text_area(key="app_playlist_text").set_value(LINES).run()
    at.button(key="playlist_start").click().run()
    at.button(key="app_playlist_next").click().run()
    assert at.session_state["app_page"] == "anomalies"
    opened(at).button(key="playlist_end").click().run()
    assert [each for each in at.button if each.key == "app_playlist_next"] == []
