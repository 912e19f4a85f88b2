"""The Sessions page: a load runs by itself, its settings are its link, and bad input is answered with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from streamlit.testing.v1 import AppTest

from simulator.history.application import RequestEnded
from simulator.history.schedule import History
from simulator.labs.sessions.progress import Progress
from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation
from simulator.recorder import trace
from simulator.traces import read
from simulator.ui.kit.boxes import Box
from simulator.ui.sessions import link
from simulator.ui.sessions.headline import numbers
from simulator.ui.sessions.runs import Shown

Opener = Callable[..., AppTest]
HISTORIES = Path(__file__).parents[1] / "histories"

OTHER = replace(
    link.FIRST,
    mix=link.MIX_OF["llm_inside"],
    requests=50,
    llm_s=0.35,
    spread_s=1.5,
    is_async=True,
    kill_half_way=True,
    settings=Settings(
        pool_size=7,
        max_overflow=0,
        pool_timeout=0.5,
        pool_pre_ping=True,
        pool_recycle=60,
        pool_use_lifo=True,
        reset_on_return=None,
        isolation=Isolation.REPEATABLE_READ,
        expire_on_commit=False,
        autoflush=False,
        close_resets_only=False,
    ),
)


def shown(at: AppTest) -> Shown:
    found: Shown = at.session_state["sessions_shown"]
    return found


def strip(at: AppTest) -> dict[str, Box]:
    """The numbers of the run that is shown, as they stand on the page."""
    found = {each.key: each for each in numbers(shown(at))}
    (html,) = (
        each.proto.body
        for each in at.get("html")
        if "tx-boxes-strip" in each.proto.body and "<style" not in each.proto.body
    )
    assert all(each.value in html and each.detail in html for each in found.values())
    return found


@pytest.mark.parametrize("load", [link.FIRST, OTHER], ids=["first", "other"])
def test_a_link_brings_the_load_back(load: object) -> None:
    assert link.LINK.read(link.LINK.write(load)) == (load, ())  # type: ignore[arg-type]


def test_the_link_of_what_the_page_opens_with_says_nothing() -> None:
    assert link.LINK.write(link.FIRST) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mix", "nonsense"),
        ("requests", "0"),
        ("requests", "51"),
        ("requests", "many"),
        ("llm_s", "nan"),
        ("llm_s", "-1"),
        ("pool_timeout", "inf"),
        ("isolation", "chaos"),
        ("reset_on_return", "maybe"),
        ("is_async", "yes"),
    ],
)
def test_a_link_that_asks_for_what_there_is_not(name: str, value: str) -> None:
    load, complaints = link.LINK.read({name: value})
    assert load == link.FIRST
    assert len(complaints) == 1
    assert name in complaints[0]


def test_the_page_opens_with_a_run(open_page: Opener) -> None:
    at = open_page("sessions")
    result = shown(at).result
    assert result is not None
    assert result.load == link.FIRST
    failing = sum(each.key == "failing_request" for each in result.kinds)
    answered, of = map(int, strip(at)["answered"].value.split(" / "))
    ended = [event for event in result.history.events if isinstance(event, RequestEnded)]
    assert answered == sum(not event.error for event in ended) <= 12 - failing
    assert of == len(ended) == 12
    assert not at.warning


def test_overload_is_a_lesson_and_not_a_crash(open_page: Opener) -> None:
    at = open_page(
        "sessions", mix="llm_inside", requests="10", llm_s="0.5", pool_size="2", max_overflow="0", pool_timeout="0.1"
    )
    assert strip(at)["answered"].value == "2 / 10"
    assert strip(at)["answered"].detail == "8 failed · 8 × TimeoutError"
    assert strip(at)["messages"].value == "2"
    assert "8 in vain" in strip(at)["waiting"].detail


def test_moved_controls_say_that_the_run_is_older_and_run_brings_the_new_one(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="3")
    before = shown(at)
    at.slider(key="sessions_requests").set_value(5).run()
    assert shown(at) is before
    assert any("changed the controls" in each.value for each in at.info)
    at.button(key="sessions_run").click().run()
    assert strip(at)["answered"].value == "5 / 5"
    assert not at.info


def test_the_settings_are_code_that_can_be_copied(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="2", pool_size="4", expire_on_commit="0")
    code = next(each.value for each in at.code if "create_engine(" in each.value)
    assert "pool_size=4," in code
    assert "sessionmaker(engine, expire_on_commit=False)" in code


def test_a_bad_link_is_answered_with_a_sentence(open_page: Opener) -> None:
    at = open_page("sessions", requests="1000000", mix="messages")
    assert any("requests = 1000000" in each.value.replace("\\", "") for each in at.warning)
    assert shown(at).result is not None


def test_both_drivers(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="4", is_async="1")
    assert strip(at)["answered"].value == "4 / 4"
    assert any("create_async_engine" in each.value for each in at.code)


def test_whoever_predicts_first_sees_the_run_after_the_guess(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="3")
    at.toggle(key="app_predict_first").set_value(True).run()
    assert not at.multiselect
    guess = next(each for each in at.button_group if str(each.key).startswith("sessions_guess"))
    guess.set_value("none").run()
    assert strip(at)["answered"].value == "3 / 3"
    assert any("Right" in each.value for each in at.markdown)


def test_the_objects_of_a_request_are_shown_with_what_moved_them(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="2")
    at.session_state["sessions_tabs"] = "Object states"
    at.run()
    assert not at.exception
    offered = at.selectbox(key="sessions_objects").options
    assert sorted(offered) == ["request 1 · Save a message", "request 2 · Save a message"]


def test_a_history_of_a_schedule_is_shown_though_it_has_no_requests(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="1")
    history = History.from_json((HISTORIES / "observed" / "deadlock_rc.json").read_text())
    at.session_state["sessions_shown"] = Shown(history, read(history), title="deadlock_rc.json")
    at.run()
    assert not at.exception
    assert at.session_state["sessions_lanes_opened"] == [""]


def test_a_history_without_events_is_answered_with_a_sentence(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="1")
    at.session_state["sessions_shown"] = Shown(History((), ()), read(History((), ())), title="empty.json")
    at.run()
    assert not at.exception
    assert any("nothing in this history" in each.value for each in at.caption)


def test_a_run_that_was_stopped_shows_what_was_recorded_until_then(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="2")
    recorded = replace(link.FIRST, requests=4)
    progress = Progress()
    with trace(create_engine("sqlite://")) as recorder:
        progress.follow(recorder)
        with recorder.request("request 1"):
            progress.stop()
    at.session_state["sessions_running"] = (recorded, progress)
    at.run()
    assert not at.exception
    result = shown(at).result
    assert result is not None
    assert result.stopped
    assert strip(at)["answered"].value == "0 / 1"
    assert any("You stopped this run" in each.value for each in at.info)


def test_the_cure_is_one_click_away_and_its_difference_is_told(open_page: Opener) -> None:
    at = open_page(
        "sessions", mix="llm_inside", requests="6", llm_s="1", pool_size="2", max_overflow="0", pool_timeout="0.7"
    )
    told = "4 of 6 requests waited in vain: “Call an LLM inside the transaction” holds a connection"
    assert any(told in each for each in html_of(at))
    at.button(key="sessions_cure_headline").click().run()
    assert not at.exception
    assert strip(at)["answered"].value == "6 / 6"
    assert at.selectbox(key="sessions_mix").value == "llm_outside"
    at.session_state["sessions_tabs"] = "Two runs"
    at.run()
    (said,) = (each for each in html_of(at) if "tx-pair" in each and "<style" not in each)
    assert "LLM inside the transaction” → “LLM outside the transaction”" in said
    assert "answered 2 / 6 → 6 / 6" in said


def html_of(at: AppTest) -> list[str]:
    return [each.proto.body for each in at.get("html")]
