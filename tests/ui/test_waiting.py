"""What a person sees and gets while others are served: the place in the queue, and one run however scripts end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from simulator.ui.app.manager import BACK, manager
from simulator.ui.components import queue_view
from simulator.ui.schedules import runs
from tests.ui.conftest import Opener
from tests.ui.texts import outcome

#: Runs that go on at once on the tests' server.
PLACES = 16


def waiting() -> None:
    """A page that waits as number 3 of 7, and is ended while it does."""
    import streamlit as st

    from simulator.engines.budget import QueuePlace
    from simulator.i18n import use
    from simulator.ui.app.errands import Errand
    from simulator.ui.components import queue_view

    class Queued(Errand[None]):
        looks = 0

        def wait(self, seconds: float) -> bool:
            self.looks += 1
            if self.looks > 1:
                st.stop()
            return False

    use(st.session_state["spoken"])
    errand = Queued("ada", None, lambda: 0.0)
    with errand.watched():
        errand.waits(QueuePlace(3, 7))
    queue_view.wait_for(errand)


@pytest.mark.parametrize(
    ("spoken", "said"), [("en", "You are number 3 of 7 in the queue."), ("zh", "你在队列中排第 3 位，共 7 个")]
)
def test_who_waits_sees_the_place_in_the_queue(spoken: str, said: str) -> None:
    at = AppTest.from_function(waiting)
    at.session_state["spoken"] = spoken
    at.run()
    assert not at.exception
    assert at.info[0].value.startswith(said)


def test_who_comes_when_all_places_are_taken_is_shown_the_queue_and_then_served(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("anomalies")
    engine = manager().engine()
    taken = [engine.create_room((), 0) for _ in range(PLACES)]
    shown: list[tuple[int, int]] = []
    words = queue_view.words

    def seen(number: int, of: int) -> str:
        shown.append((number, of))
        while taken:
            taken.pop().close()
        return words(number, of)

    monkeypatch.setattr(queue_view, "words", seen)
    at.selectbox(key="anomalies_scenario").set_value("write_skew").run()
    assert not at.exception
    assert outcome(at) == "anomaly"
    assert (1, 1) in shown
    assert not at.info


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scenario of every run that a page makes its timeline of, from here on."""
    made: list[str] = []
    run = runs.run_scenario

    def counting(*arguments: Any, **named: Any) -> object:
        if named.get("watch"):
            made.append(arguments[1].key)
        return run(*arguments, **named)

    monkeypatch.setattr(runs, "run_scenario", counting)
    return made


def cut_short(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The next script that waits for a run is ended when the run is over, before it can take it."""
    wait_for, left = queue_view.wait_for, [0]

    def wait(*arguments: Any) -> object:
        result = wait_for(*arguments)
        if left[0]:
            left[0] -= 1
            st.stop()
        return result

    monkeypatch.setattr(queue_view, "wait_for", wait)
    return lambda: left.__setitem__(0, 1)


def test_a_click_whose_script_was_cut_short_is_not_run_twice(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page("anomalies")
    made, cut = counted(monkeypatch), cut_short(monkeypatch)
    cut()
    at.selectbox(key="anomalies_scenario").set_value("write_skew").run()
    at.run()
    assert outcome(at) == "anomaly"
    assert made == ["write_skew"]


def test_a_server_that_has_gone_is_back_at_the_next_click_without_another_one(open_page: Opener) -> None:
    at = open_page("anomalies")
    manager().engine().close()
    at.selectbox(key="anomalies_scenario").set_value("write_skew").run()
    assert not at.exception
    assert not at.warning
    assert outcome(at) == "anomaly"
    assert [toast.value for toast in at.toast] == [BACK]


def test_after_a_reset_a_person_begins_anew(open_page: Opener) -> None:
    at = open_page("anomalies", scenario="write_skew")
    at.selectbox(key="anomalies_scenario").set_value("double_booking").run()
    manager().reset()
    at.run()
    assert not at.exception
    assert at.selectbox(key="anomalies_scenario").value != "double_booking"
    at.run()
    assert not at.exception
