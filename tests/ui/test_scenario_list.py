"""The list of all scenarios: opened, it runs what nobody ran yet, and each dot is true when the page stands still."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from streamlit.testing.v1 import AppTest

from simulator.scenarios.loader import find
from simulator.ui.app.manager import manager
from simulator.ui.schedules import scenario_list

Opener = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few = tuple(map(find, ("lost_update", "write_skew", "p4", "skip_locked")))
    monkeypatch.setattr(scenario_list, "catalogue", lambda: few)


def listed(at: AppTest) -> dict[str, str]:
    """Each scenario's row."""
    data = next(json.loads(each.proto.json) for each in at.get("bidi_component") if '"rows"' in each.proto.json)
    rows = [row for row in data["rows"].split("<tr ") if "data-words" in row]
    return {re.search(r"scenario=(\w+)", unescape(row)).group(1): unescape(row) for row in rows}  # type: ignore[union-attr]


def opened(at: AppTest) -> dict[str, str]:
    at.session_state["anomalies_scenarios"] = True
    at.run()
    assert not at.exception
    return listed(at)


def test_a_closed_list_costs_nothing_and_an_open_one_has_run_everything(open_page: Opener) -> None:
    at = open_page("anomalies")
    assert not any('"rows"' in each.proto.json for each in at.get("bidi_component"))
    assert manager().outcomes.of(find("skip_locked"), find("skip_locked").levels[0]) is None
    rows = opened(at)
    assert list(rows) == ["lost_update", "write_skew", "p4", "skip_locked"]  # the page's own families first
    assert "not run" not in "".join(rows.values())
    lost = rows["lost_update"]
    assert "READ COMMITTED: anomaly" in lost
    assert "REPEATABLE READ: safe after a retry" in lost
    assert 'href="./anomalies?scenario=lost_update&variant=naive&level=SER"' in lost
    assert ">P4</small>" in lost
    assert 'href="./locks?scenario=skip_locked&variant=naive&level=RC"' in rows["skip_locked"]


def test_a_scenario_is_found_by_words_of_both_languages_its_sql_and_what_was_found_in_it(open_page: Opener) -> None:
    words = {key: re.search('data-words="([^"]*)"', row) for key, row in opened(open_page("anomalies")).items()}

    def found(text: str) -> list[str]:
        return [key for key, match in words.items() if match and all(word in match.group(1) for word in text.split())]

    assert found("skip locked") == ["skip_locked"]
    assert found("丢失更新") == ["lost_update", "p4", "skip_locked"]
    assert found("p4 wallet") == ["lost_update"]
    assert found("on call") == ["write_skew"]


def test_who_follows_a_link_finds_the_list_closed(open_page: Opener) -> None:
    at = open_page("anomalies")
    opened(at)
    at.query_params = {"scenario": "write_skew"}
    at.switch_page("pages/locks.py").run()
    at.switch_page("pages/anomalies.py").run()
    assert not any('"rows"' in each.proto.json for each in at.get("bidi_component"))
