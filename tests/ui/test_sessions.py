"""The Sessions page: a load runs by itself, its settings are its link, and bad input is answered with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from simulator.history import History
from simulator.labs.lifecycle.settings import Settings
from simulator.model import Isolation
from simulator.traces import read
from simulator.ui.lifecycle import link
from simulator.ui.lifecycle.headline import Number, numbers
from simulator.ui.lifecycle.runs import Shown

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
    found: Shown = at.session_state["lifecycle_shown"]
    return found


def strip(at: AppTest) -> dict[str, Number]:
    """The numbers of the run that is shown, as they stand on the page."""
    found = {each.key: each for each in numbers(shown(at))}
    (html,) = (
        each.proto.body
        for each in at.get("html")
        if "tx-numbers" in each.proto.body and "<style" not in each.proto.body
    )
    assert all(each.value in html and each.remark in html for each in found.values())
    return found


@pytest.mark.parametrize("load", [link.FIRST, OTHER], ids=["first", "other"])
def test_a_link_brings_the_load_back(load: object) -> None:
    assert link.read(link.parameters(load)) == (load, ())  # type: ignore[arg-type]


def test_the_link_of_what_the_page_opens_with_says_nothing() -> None:
    assert link.parameters(link.FIRST) == {}


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
    load, complaints = link.read({name: value})
    assert load == link.FIRST
    assert len(complaints) == 1
    assert name in complaints[0]


def test_the_page_opens_with_a_run(open_page: Opener) -> None:
    at = open_page("sessions")
    result = shown(at).result
    assert result is not None
    assert result.load == link.FIRST
    failing = sum(each.always_fails for each in result.kinds)
    answered = int(strip(at)["answered"].value.split(" / ")[0])
    assert answered <= 12 - failing
    assert not at.warning


def test_overload_is_a_lesson_and_not_a_crash(open_page: Opener) -> None:
    at = open_page(
        "sessions", mix="llm_inside", requests="10", llm_s="0.5", pool_size="2", max_overflow="0", pool_timeout="0.1"
    )
    assert strip(at)["answered"].value == "2 / 10"
    assert strip(at)["messages"].value == "2"
    assert "8 in vain" in strip(at)["waiting"].remark


def test_moved_controls_say_that_the_run_is_older_and_run_brings_the_new_one(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="3")
    before = shown(at)
    at.slider(key="lifecycle_requests").set_value(5).run()
    assert shown(at) is before
    assert any("changed the controls" in each.value for each in at.info)
    at.button(key="lifecycle_run").click().run()
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
    at.toggle(key="predict_first").set_value(True).run()
    assert not at.multiselect
    guess = next(each for each in at.button_group if str(each.key).startswith("lifecycle_guess"))
    guess.set_value("none").run()
    assert strip(at)["answered"].value == "3 / 3"
    assert any("Right" in each.value for each in at.markdown)


def test_the_objects_of_a_request_are_shown_with_what_moved_them(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="2")
    at.session_state["lifecycle_tabs"] = "Object states"
    at.run()
    assert not at.exception
    offered = at.selectbox(key="lifecycle_objects").options
    assert sorted(offered) == ["request 1 · Save a message", "request 2 · Save a message"]


def test_a_history_of_a_schedule_is_shown_though_it_has_no_requests(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="1")
    history = History.from_json((HISTORIES / "observed" / "deadlock_rc.json").read_text())
    at.session_state["lifecycle_shown"] = Shown(history, read(history), title="deadlock_rc.json")
    at.run()
    assert not at.exception
    assert at.session_state["lanes_opened"] == [""]


def test_a_history_without_events_is_answered_with_a_sentence(open_page: Opener) -> None:
    at = open_page("sessions", mix="messages", requests="1")
    at.session_state["lifecycle_shown"] = Shown(History((), ()), read(History((), ())), title="empty.json")
    at.run()
    assert not at.exception
    assert any("nothing in this history" in each.value for each in at.caption)
