"""The first page: a real collision, the ways on, the database; and what it says where there is no database."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from simulator.ui import labs
from tests.ui.conftest import APP, Opener
from tests.ui.texts import html_text, outcome


def test_a_collision_has_just_run(open_page: Opener) -> None:
    at = open_page("home")
    assert outcome(at) == "anomaly"
    assert "Lost update (P4)" in html_text(at)
    assert "The wallet holds" in html_text(at)


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
    at = AppTest.from_file(APP, default_timeout=30).run()
    if page != "home":
        at.switch_page(f"pages/{page}.py").run()
    assert not at.exception
    assert at.warning
    everything = " ".join([*(box.value for box in at.warning), html_text(at), *(text.value for text in at.markdown)])
    assert "s3cret-pw" not in everything
    assert "Traceback" not in everything
    assert "\n" not in at.warning[0].value
    assert [button.label for button in at.button][:2] == ["Try again", "Use the embedded server instead"]


def test_the_embedded_server_is_one_click_away(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/shop")
    at = AppTest.from_file(APP, default_timeout=30).run()
    next(button for button in at.button if button.label == "Use the embedded server instead").click().run()
    assert not at.warning
    assert outcome(at) == "anomaly"


def test_trying_again_meets_the_same_sentence(fresh_manager: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/shop")
    at = AppTest.from_file(APP, default_timeout=30).run()
    before = at.warning[0].value
    next(button for button in at.button if button.label == "Try again").click().run()
    assert at.warning[0].value == before
