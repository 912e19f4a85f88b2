"""What a tab remembers: typed places with a page and a name, and one module that opens Streamlit's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st

from simulator.ui.kit.slots import HERE, PAGE, Slot, forget_all, here, told

ROOT = Path(__file__).parents[2]
NUMBER: Slot[int] = Slot("sums", "number", 7)
CHOICE: Slot[str] = Slot(HERE, "choice", "nothing")


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    found: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", found)
    return found


def test_a_place_has_its_default_until_it_is_set_and_after_it_is_forgotten(memory: dict[str, object]) -> None:
    assert (NUMBER.get(), NUMBER.is_set()) == (7, False)
    NUMBER.set(8)
    assert (NUMBER.get(), NUMBER.is_set(), memory) == (8, True, {"sums_number": 8})
    assert (NUMBER.pop(), NUMBER.pop(), NUMBER.is_set()) == (8, 7, False)


def test_what_is_chosen_on_one_page_is_not_chosen_on_another() -> None:
    PAGE.set("anomalies")
    CHOICE.set("write skew")
    PAGE.set("locks")
    assert (CHOICE.get(), CHOICE.key, here("choice")) == ("nothing", "locks_choice", "locks_choice")
    CHOICE.set("deadlock")
    PAGE.set("anomalies")
    assert CHOICE.get() == "write skew"


def test_a_component_that_told_nothing_is_no_error(memory: dict[str, object]) -> None:
    assert told("chart") == {}
    memory["chart"] = {"lane": "r1"}
    assert told("chart") == {"lane": "r1"}
    memory["chart"] = None
    assert told("chart") == {}


def test_forgetting_all_is_as_if_the_tab_had_just_been_opened() -> None:
    PAGE.set("locks")
    NUMBER.set(1)
    forget_all()
    assert (PAGE.get(), NUMBER.get()) == ("home", 7)


def test_nothing_outside_the_kit_opens_the_sessions_memory() -> None:
    files = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "simulator").rglob("*.py")]
    assert len(files) > 100
    opening = [str(file.relative_to(ROOT)) for file in files if "st.session_state" in file.read_text("utf-8")]
    assert opening == ["simulator/ui/kit/slots.py"]
