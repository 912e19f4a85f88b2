"""Driving by hand: what a session can do, the goal, the verdict once it is known, the same clicks elsewhere."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from simulator.live import LiveRuns
from simulator.ui.app.manager import manager
from simulator.ui.schedules.pick import LOCKS
from tests.ui.conftest import Opener
from tests.ui.texts import html_text, open_tab, outcome


def driving(open_page: Opener, **query: str) -> AppTest:
    at = open_page("locks", **query)
    at.button_group(key="locks_mode").set_value("drive").run()
    assert not at.exception, at.exception
    return at


def button(at: AppTest, name: str) -> Button:
    """The one that runs a session's next statement is another one for each statement: `T1_next` is any of them."""
    keys = re.compile(rf"\w+_drive_{name}(_\d+)?")
    return next(each for each in at.button if keys.fullmatch(str(each.key)))


def buttons(at: AppTest, session: str) -> set[str]:
    """What can be done with the session."""
    keys = [re.fullmatch(rf"\w+_drive_{session}_([a-z]+)(_\d+)?", str(each.key)) for each in at.button]
    return {found[1] for found in keys if found}


def press(at: AppTest, *names: str) -> str:
    """The page's HTML after these buttons were clicked one after the other."""
    for name in names:
        button(at, name).click().run()
        assert not at.exception, at.exception
    return html_text(at)


def markup(at: AppTest) -> str:
    return "\n".join(block.value for block in at.get("html"))


def reached(at: AppTest) -> str:
    """How far the goal is reached; "" while it can still happen."""
    found = re.search(r'data-reached="([^"]*)"', markup(at))
    return found[1] if found else ""


def elsewhere(at: AppTest) -> list[tuple[str, str, dict[str, str]]]:
    """Of each run at another level: its outcome, what is said of it, and where it leads."""
    row = re.search(r'<div class="tx-elsewhere">(.*)</div>', markup(at))
    cells = re.findall(r"<(a|div) ([^>]*)>(.*?)</\1>", row[1]) if row else []
    return [
        (
            re.search(r'data-outcome="([^"]*)"', attributes)[1],  # type: ignore[index]
            re.sub(r"<[^>]*>", " ", inner),
            dict(parse_qsl(urlsplit(unescape("".join(re.findall(r'href="([^"]*)"', attributes)))).query)),
        )
        for _tag, attributes, inner in cells
    ]


def test_a_deadlock_is_driven_to_its_victim_by_clicks(open_page: Opener) -> None:
    at = driving(open_page)
    label = button(at, "T1_next").label
    assert label == "**wallet 1\\: balance − 20** `UPDATE wallet SET balance = balance - 20 WHERE id = 1`"
    text = press(at, "T1_next", "T2_next", "T1_next")
    assert "T1 waits in T1.give for T2." in text
    assert buttons(at, "T1") == {"cancel"}
    text = press(at, "T2_next")
    assert "The server aborted this transaction (40P01)." in text
    assert "the server ended T2 in T2.give (40P01)" in text
    press(at, "T1_next", "T2_next", "T2_next", "T2_next")
    assert outcome(at) == "retried"
    assert manager().live.going_on() == 1


def test_undo_takes_a_click_back_and_start_again_all_of_them(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    assert "T1 waits" not in press(at, "undo")
    assert "next" in buttons(at, "T1")
    press(at, "restart")
    assert at.button(key="locks_drive_undo").disabled
    assert button(at, "T1_next").label.endswith("id = 1`")


def test_free_choices_roll_back_and_cancel(open_page: Opener) -> None:
    at = driving(open_page)
    assert "rolled back" in press(at, "T1_next", "T1_rollback")
    press(at, "restart", "T1_next", "T2_next", "T1_next")
    assert "57014" in press(at, "T1_cancel")


def test_an_ended_run_says_so_and_can_be_started_again(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next")
    manager().live.close_of(at.session_state["live_run"].owner)
    at.run()
    assert "The page of this live run was closed" in at.info[0].value.replace("\\", "")
    press(at, "anew")
    assert not at.info
    assert at.button(key="locks_drive_undo").disabled


def test_after_five_minutes_the_page_says_that_the_run_was_rolled_back_and_closed(open_page: Opener) -> None:
    minutes = [0.0]
    manager().live = LiveRuns(clock=lambda: 60 * minutes[0])
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    minutes[0] = 4.9
    at.run()
    assert not at.info
    minutes[0] = 5.1
    manager().live.reap()
    at.run()
    assert not at.exception
    said = at.info[0].value.replace("\\", "")
    assert "Nobody touched this live run for 5 minutes: it was rolled back and closed" in said
    assert manager().live.going_on() == 0
    press(at, "anew", "T1_next")
    assert not at.info
    assert manager().live.going_on() == 1


def test_a_link_restores_the_wheel(open_page: Opener) -> None:
    at = open_page("locks", mode="drive", scenario="nowait")
    assert at.button_group(key="locks_mode").value == "drive"
    assert not at.warning
    assert buttons(at, "T1") == {"next"}
    assert manager().live.going_on() == 1
    at.button_group(key="locks_mode").set_value("schedule").run()
    assert not at.exception
    assert outcome(at) is not None


def test_the_run_ends_with_the_mode_and_with_another_scenario(open_page: Opener) -> None:
    at = driving(open_page)
    at.selectbox(key="locks_scenario").set_value("nowait").run()
    assert manager().live.going_on() == 1
    at.button_group(key="locks_mode").set_value("schedule").run()
    assert manager().live.going_on() == 0
    assert outcome(at) is not None


def test_every_scenario_can_be_driven(open_page: Opener) -> None:
    at = driving(open_page)
    for scenario in LOCKS.scenarios():
        at.selectbox(key="locks_scenario").set_value(scenario.key).run()
        first = scenario.variants[0].sessions[0].name
        press(at, f"{first}_next")
        assert not at.warning, scenario.key


def test_watch_live_shows_who_blocks_whom(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    text = open_tab(at, "locks_driving_few", "Watch live")
    assert "Who blocks whom" in text
    assert "idle in transaction" in text


def test_an_anomaly_can_be_driven_too(open_page: Opener) -> None:
    at = open_page("anomalies")
    at.button_group(key="anomalies_mode").set_value("drive").run()
    press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_next", "T2_next")
    assert outcome(at) == "anomaly"


def test_what_a_session_can_do_is_a_button_and_nothing_else_and_a_commit_is_one(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    assert buttons(at, "T1") == {"next"}
    press(at, "T1_next")
    assert buttons(at, "T1") == {"next", "commit", "rollback"}
    assert button(at, "T1_next").label.startswith("**wallet 1\\: balance \\= 100 \\+ 20**")
    text = press(at, "T1_next")
    assert (button(at, "T1_next").label, buttons(at, "T1")) == ("**COMMIT**", {"next", "rollback"})
    assert "wallet 1: balance → 100" in " ".join(text.split())
    press(at, "T1_next")
    assert buttons(at, "T1") == set()


def test_after_an_abort_everything_that_is_left_is_listed_as_skipped(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive", level="RR")
    text = press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_next")
    assert buttons(at, "T2") == {"next"}
    assert button(at, "T2_next").label.startswith("Run T2 again: **wallet 1\\: balance**")
    assert "T2 is rolled back. Skipped, until it is run again:" in text
    skipped = re.findall(r'class="tx-line tx-later tx-skipped"><span>⊘</span><span>([^<]*)<', markup(at))
    assert skipped == ["COMMIT"]


def test_who_loses_an_update_is_told_at_once_and_sees_the_same_clicks_at_the_other_levels(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    assert "Try to lose an update" in html_text(at)
    press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_next")
    assert (reached(at), outcome(at), elsewhere(at)) == ("", None, [])
    text = press(at, "T2_next")
    assert (reached(at), outcome(at)) == ("yes", "anomaly")
    assert "130 is stored, 150 expected" in text
    found = elsewhere(at)
    assert [each[0] for each in found] == ["retried", "retried"]
    for (_outcome, said, link), level in zip(found, ("RR", "SER"), strict=True):
        assert "balance 150" in said
        assert (link["level"], link["mode"]) == (level, "schedule")
        assert link["order"] == "T1.read T2.read T1.write T1.commit T2.write T2.commit"
    assert manager().engine().rooms_open() == 1  # the one that is driven
    press(at, "undo")
    assert (reached(at), outcome(at), elsewhere(at)) == ("", None, [])


def test_the_cell_of_a_level_opens_the_run_that_it_tells_of(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive", level="RR")
    press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_next")
    assert (reached(at), outcome(at)) == ("no", "aborted")
    for told, _said, link in elsewhere(at):
        there = open_page("anomalies", **link)
        assert (there.button_group(key="anomalies_mode").value, outcome(there)) == ("schedule", told), link


def test_one_after_the_other_nothing_is_lost_at_any_level(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    press(at, *["T1_next"] * 3, *["T2_next"] * 3)
    assert (reached(at), outcome(at)) == ("no", "safe")
    assert [each[0] for each in elsewhere(at)] == ["safe", "safe"]


def test_what_no_schedule_holds_has_no_link(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_rollback")
    assert [(told, link) for told, _said, link in elsewhere(at)] == [("safe", {}), ("safe", {})]


def test_a_deadlock_is_told_the_moment_it_strikes(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    assert reached(at) == ""
    text = press(at, "T2_next")
    assert (reached(at), outcome(at)) == ("yes", "deadlock")
    assert "T1 holds wallet 1 and wants wallet 2, which T2 holds." in text
    assert elsewhere(at) == []  # it has one level


def test_a_button_that_the_page_no_longer_shows_runs_nothing(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    old = button(at, "T1_next")
    old.click().run()
    assert old.key != button(at, "T1_next").key
    old.click().run()
    assert not at.exception
    assert button(at, "T1_next").label.startswith("**wallet 1\\: balance \\= 100")
