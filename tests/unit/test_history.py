"""What a person may hand in as a history, and the sentence that answers it."""

from __future__ import annotations

import json

import pytest

from simulator.errors import HistoryError
from simulator.history.schedule import History
from simulator.history.words import BackendState

GOOD = {"format": "txscope-history", "version": 1, "sessions": ["T1"], "events": []}


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a Txscope history"),
        ('{"format": "other"}', "not a Txscope history"),
        (json.dumps({**GOOD, "version": 5}), "version 5"),
        (json.dumps({**GOOD, "events": [{"kind": "Nonsense"}]}), "damaged"),
        (json.dumps({**GOOD, "events": [{"kind": "StatementStarted", "seq": 0}]}), "damaged"),
        (json.dumps({**GOOD, "events": 7}), "damaged"),
        (json.dumps({"format": "txscope-history", "version": 1}), "damaged"),
    ],
)
def test_garbage_is_refused_with_a_sentence(text: str, fragment: str) -> None:
    with pytest.raises(HistoryError, match=fragment):
        History.from_json(text)


def test_an_empty_history_is_a_history() -> None:
    assert History.from_json(json.dumps(GOOD)) == History(("T1",), ())


def test_a_state_that_is_newer_than_this_list_is_unknown_and_no_error() -> None:
    assert BackendState.told("active") is BackendState.ACTIVE
    assert BackendState.told("dreaming") is BackendState.told(None) is BackendState.UNKNOWN
