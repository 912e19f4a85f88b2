"""Why a read saw what it saw, from stored histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.history.schedule import CommittedStateObserved, History, RowVersionsObserved
from simulator.state.why import reads_of, why_read
from tests.unit.observed import observed

CASES = [
    (
        "read_skew_rr",
        "T1",
        "T1.read_2",
        (
            "T1 still reads with the snapshot that T1.read_1 took (REPEATABLE READ).",
            (
                "It saw balance 100 of wallet 2, as the setup left it. "
                "T2 had written balance 60 (T2.take), but committed it after that snapshot (T2.commit)."
            ),
        ),
    ),
    (
        "read_skew_rr",
        "T1",
        "T1.read_1",
        (
            "T1.read_1 took the snapshot that T1 keeps to its end (REPEATABLE READ).",
            "It saw balance 100 of wallet 1, as the setup left it.",
        ),
    ),
    (
        "phantom_rr",
        "T1",
        "T1.add_up",
        (
            "T1 still reads with the snapshot that T1.count took (REPEATABLE READ).",
            "It did not see message 3: T2 inserted it (T2.send), but committed it after that snapshot (T2.commit).",
        ),
    ),
    (
        "lost_update_rc",
        "T2",
        "T2.write",
        (
            "T2.write waited, and then took the newest version of the row that it had waited for (READ COMMITTED).",
            "It saw balance 120 of wallet 1, which T1 wrote in T1.write and committed in T1.commit.",
        ),
    ),
    (
        "recheck_misses_rc",
        "T2",
        "T2.count",
        (
            "T2.count waited, and then took the newest version of the row that it had waited for (READ COMMITTED).",
            "prompt 1 matched when it began, and after the wait no longer: T1 had changed it (T1.switch).",
            "It overlooked prompt 2: T1 made it match (T1.switch), but after a wait no further rows are looked for.",
        ),
    ),
    (
        "g1a_rc",
        "T2",
        "T2.read",
        (
            "T2.read took a snapshot of its own when it began (READ COMMITTED).",
            (
                "It saw value 10 of test 1, as the setup left it. "
                "T1 had written value 101 and had not committed it; it never did."
            ),
        ),
    ),
    (
        "write_skew_ser",
        "T2#2",
        "T2.count",
        (
            "T2.count took the snapshot that T2#2 keeps to its end (SERIALIZABLE).",
            "It saw agent 2, as the setup left it.",
        ),
    ),
]


@pytest.mark.parametrize(("name", "transaction", "step", "sentences"), CASES)
def test_snapshot_version_and_what_was_hidden(
    name: str, transaction: str, step: str, sentences: tuple[str, ...]
) -> None:
    why = why_read(observed(name), step, transaction)
    assert tuple(map(str, why.sentences)) == sentences
    assert not why.refused


def test_a_retried_read_has_an_answer_for_each_attempt() -> None:
    history = observed("lost_update_rr")
    assert {("T2", "T2.read"), ("T2#2", "T2.read")} <= set(reads_of(history))
    first, second = (tuple(map(str, why_read(history, "T2.read", name).sentences)) for name in ("T2", "T2#2"))
    assert "balance 100" in first[1]
    assert "balance 120 of wallet 1, which T1 wrote" in second[1]
    assert why_read(history, "T2.read").transaction == "T2"


@pytest.mark.parametrize("name", ["deadlock_rc", "queue_rc", "write_skew_ser", "lost_update_rr"])
def test_every_read_of_these_runs_can_be_told(name: str) -> None:
    history = observed(name)
    assert [step for transaction, step in reads_of(history) if why_read(history, step, transaction).refused] == []


@pytest.mark.parametrize("step", ["T1.commit", "T9.nothing", "nonsense", ""])
def test_what_is_no_read_is_refused_with_a_sentence(step: str) -> None:
    why = why_read(observed("lost_update_rc"), step)
    assert why.refused
    assert tuple(map(str, why.sentences)) == (
        f"Why {step} saw that cannot be told. {step} did not finish, or reads no rows of a single table.",
    )


def test_without_the_committed_states_it_refuses() -> None:
    history = observed("lost_update_rc")
    blind = replace(history, events=tuple(e for e in history.events if not isinstance(e, CommittedStateObserved)))
    why = why_read(blind, "T1.read")
    assert why.refused
    assert "was not observed" in str(why.sentences[0])


def test_without_row_versions_what_was_never_committed_is_not_claimed() -> None:
    history = observed("g1a_rc")
    unwatched = History(history.sessions, tuple(e for e in history.events if not isinstance(e, RowVersionsObserved)))
    assert str(why_read(unwatched, "T2.read").sentences[1]) == "It saw value 10 of test 1, as the setup left it."


def test_a_row_that_was_written_twice_shows_what_stood_there_by_then() -> None:
    """The final value came after the read: it must not be told as what was hidden."""
    hidden = "T1 had written value 101 (T1.write_101), but not committed it yet (T1.commit)."
    assert str(why_read(observed("g1b_rc"), "T2.read").sentences[1]).endswith(hidden)


def test_its_own_earlier_write() -> None:
    own = "It saw test 1 as T1 itself had left it, as a transaction always does."
    assert own in map(str, why_read(observed("g1b_rc"), "T1.write_11").sentences)
