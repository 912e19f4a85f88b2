"""Links: what is written is read back, whichever scenario, variant, level, order and step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.model import Scenario, Schedule
from simulator.ui.app.address import query
from simulator.ui.schedules.pick import ANOMALIES, LOCKS, Pick, Shelf, first_level, parameters, read, whole

EVERYTHING = [(shelf, scenario) for shelf in (ANOMALIES, LOCKS) for scenario in shelf.scenarios()]


@pytest.mark.parametrize(("shelf", "scenario"), EVERYTHING, ids=[scenario.key for _, scenario in EVERYTHING])
def test_a_link_brings_back_what_it_was_made_of(shelf: Shelf, scenario: Scenario) -> None:
    for variant in scenario.variants:
        for level in scenario.levels:
            for step in (None, 0, len(variant.schedule.steps) - 1):
                pick = Pick(scenario, variant, level, variant.schedule, step)
                assert read(parameters(pick), shelf) == (pick, ())
                assert read(whole(pick), shelf) == (pick, ())


def test_another_order_is_part_of_the_link() -> None:
    first, _complaints = read({}, ANOMALIES)
    steps = first.schedule.steps
    pick = replace(first, schedule=Schedule((steps[1], steps[0], *steps[2:])))
    assert query(parameters(pick)) == "?order=T2.read+T1.read+T1.write+T2.write+T1.commit+T2.commit"
    assert read(parameters(pick), ANOMALIES) == (pick, ())


def test_what_opens_by_itself_needs_no_query() -> None:
    first, complaints = read({}, ANOMALIES)
    assert complaints == ()
    assert first.scenario.key == "lost_update"
    assert first.isolation is first_level(first.scenario)
    assert query(parameters(first)) == ""


@pytest.mark.parametrize("text", ["rr", "RR", "repeatable read", "Repeatable-Read", "REPEATABLE_READ"])
def test_a_level_is_read_as_people_write_it(text: str) -> None:
    pick, complaints = read({"level": text}, ANOMALIES)
    assert (pick.isolation.short, complaints) == ("RR", ())


def test_every_complaint_has_its_sentence() -> None:
    _pick, complaints = read(dict.fromkeys(("scenario", "variant", "level", "order", "step"), "<b>"), ANOMALIES)
    assert len(complaints) == 5
    assert all(len(complaint) < 700 for complaint in complaints)
