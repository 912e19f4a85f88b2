"""What a run is known by on a page: small ids that differ where the runs do."""

from __future__ import annotations

from dataclasses import replace

from simulator.model import Isolation, Schedule
from simulator.scenarios.loader import find
from simulator.ui.components.kept import This
from simulator.ui.schedules.pick import opened

PICK = opened(find("lost_update"))


def test_the_same_run_has_the_same_id_wherever_the_transport_stands() -> None:
    assert replace(PICK, step=2).run_id == PICK.run_id


def test_another_level_variant_order_or_file_is_another_run() -> None:
    steps = PICK.schedule.steps
    others = [
        replace(PICK, isolation=Isolation.SERIALIZABLE),
        replace(PICK, variant=PICK.scenario.variants[1]),
        replace(PICK, schedule=Schedule((steps[1], steps[0], *steps[2:]))),
        replace(PICK, own=1),
        replace(PICK, own=2),
        opened(find("write_skew")),
    ]
    assert len({PICK.run_id, *(other.run_id for other in others)}) == 7
    assert others[0].order_id == PICK.order_id


def test_this_is_the_thing_itself() -> None:
    thing, equal = [1], [1]
    assert This(thing) == This(thing)
    assert This(thing) != This(equal)
    assert This(thing) != thing
