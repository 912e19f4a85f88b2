"""The first page: a real collision, the ways on, the database; and what it says where there is no database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from simulator.ui.app import banner
from simulator.ui.app import pages as labs
from tests.ui.conftest import APP, PATIENCE_S, Opener
from tests.ui.texts import html_text, outcome


def test_a_failure_has_just_run_and_says_what_is_lost_and_why(open_page: Opener) -> None:
    at = open_page("home")
    assert outcome(at) == "anomaly"
    text = " ".join(html_text(at).split())
    assert "T1's +20 on balance of wallet 1 is lost: 130 is stored, 150 expected." in text
    assert "Because T2 wrote over a value that it had read before T1 changed it." in text


def test_a_step_of_it_is_told_before_anything_is_judged(open_page: Opener) -> None:
    at = open_page("home", step="2")
    assert outcome(at) is None
    assert "T1 and T2 have both read 100." in html_text(at)


def test_it_is_mended_in_place_by_a_run_of_the_fix_and_back(open_page: Opener) -> None:
    at = open_page("home")
    for said, verdict in (("it is 150, as it should be.", "safe"), ("130 is stored, 150 expected.", "anomaly")):
        at.button(key="home_cure").click().run()
        assert "Nothing has been sent yet." in html_text(at)
        assert outcome(at) is None, "it is played first"
        assert said not in html_text(at)
        assert at.session_state["home_pick"].step == -1
        at.session_state["home_pick"] = replace(at.session_state["home_pick"], step=None)
        at.run()
        assert said in html_text(at)
        assert outcome(at) == verdict


def test_a_link_opens_the_fix(open_page: Opener) -> None:
    assert outcome(open_page("home", variant="atomic")) == "safe"


def test_the_labs_that_are_built_are_shown_and_no_others(open_page: Opener) -> None:
    at = open_page("home")
    links = [link.proto.label for link in at.get("page_link")]
    assert links == [f"**{lab.title}**" for lab in labs.LABS if lab.path.exists()]
    assert "**Anomalies**" in links


def test_the_state_of_the_database_is_told(open_page: Opener) -> None:
    said = " ".join(markdown.value for markdown in open_page("home").markdown).replace("\\", "")
    assert "PostgreSQL 18" in said
    assert "Embedded" in said
    assert "0 runs going on" in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cret-pw@127.0.0.1:1/shop",
        "postgresql://ada:s3cret-pw@nowhere.invalid/shop",
        "mysql://ada:s3cret-pw@127.0.0.1/shop",
        "s3cret-pw",
        "postgresql://[::bad:s3cret-pw",
    ],
)
@pytest.mark.parametrize("page", ["home", "anomalies"])
def test_an_unusable_database_url_is_one_sentence_without_the_password(
    url: str, page: str, fresh_manager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    at = AppTest.from_file(APP, default_timeout=PATIENCE_S).run()
    if page != "home":
        at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    assert at.warning
    everything = " ".join([*(box.value for box in at.warning), html_text(at), *(text.value for text in at.markdown)])
    assert "s3cret-pw" not in everything
    assert "Traceback" not in everything
    assert "\n" not in at.warning[0].value
    offered = [button.label for button in at.button]
    assert [label for label in offered if label in ("Try again", "Use the embedded server instead")] == [
        "Try again",
        "Use the embedded server instead",
    ]


def test_the_embedded_server_is_one_click_away(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/shop")
    at = AppTest.from_file(APP, default_timeout=PATIENCE_S).run()
    next(button for button in at.button if button.label == "Use the embedded server instead").click().run()
    assert not at.warning
    assert outcome(at) == "anomaly"


def test_trying_again_meets_the_same_sentence(fresh_manager: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/shop")
    at = AppTest.from_file(APP, default_timeout=PATIENCE_S).run()
    before = at.warning[0].value
    next(button for button in at.button if button.label == "Try again").click().run()
    assert at.warning[0].value == before


def test_in_a_room_a_visitor_learns_nothing_of_the_database_and_chooses_none_for_everybody(
    fresh_manager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada@127.0.0.1:1/shop")
    monkeypatch.setattr(banner, "is_loopback", lambda address: False)
    at = AppTest.from_file(APP, default_timeout=PATIENCE_S).run()
    told = " ".join(each.value for each in (*at.warning, *at.markdown))
    assert "presenter" in told
    assert not any(secret in told for secret in ("ada", "shop", "127.0.0.1", "DATABASE_URL"))
    assert "Use the embedded server instead" not in [button.label for button in at.button]
