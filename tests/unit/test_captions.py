"""A run in captions: what each step tells, and that nothing is told before it was seen."""

from __future__ import annotations

from simulator.anomalies.types import Anomaly
from simulator.figures.score.plot import score_info
from simulator.history.schedule import History
from simulator.ui.home.captions import because, captions
from tests.unit.score_samples import LOST_UPDATE, lost_update, lost_update_refused, lost_update_verdict


def told(history: History) -> list[tuple[int, str]]:
    return [(each.act, each.text) for each in captions(score_info(history, LOST_UPDATE))]


def test_a_lost_update_is_told_in_four_acts() -> None:
    assert told(lost_update()) == [
        (0, "Nothing has been sent yet."),
        (1, "T1 reads 100."),
        (1, "T1 and T2 have both read 100."),
        (2, "T1 writes accounts 1: balance = 120, and has not committed."),
        (3, "T2 wants to write accounts 1: balance = 130, and waits for T1."),
        (4, "T1 commits. T2 goes on."),
        (4, "T2 commits."),
    ]


def test_a_refusal_is_told_when_it_comes_and_not_before() -> None:
    texts = [text for _act, text in told(lost_update_refused())]
    assert texts[5] == "T1 commits. T2 is refused: 40001."
    assert not any("40001" in text for text in texts[:5])


def test_why_a_change_is_lost_is_read_off_the_cycle() -> None:
    anomaly = lost_update_verdict().anomalies[0]
    assert str(because(anomaly)) == "Because T2 wrote over a value that it had read before T1 changed it."
    assert not because(Anomaly("G2-item", anomaly.cycle))
