"""isolationtester's files: with which settings a visitor's sessions are opened."""

from __future__ import annotations

import pytest

from simulator.engines.base import Capabilities
from simulator.experiments.spec_files import visitors_place
from simulator.scenarios.spec_reader import load_spec
from tests.fake_engine import FakeEngine

SPEC = "session one step a { SELECT 1; }"


@pytest.mark.parametrize("settable", [True, False])
def test_only_what_the_role_may_set_is_set(monkeypatch: pytest.MonkeyPatch, *, settable: bool) -> None:
    engine = FakeEngine()
    monkeypatch.setattr(engine, "capabilities", lambda: Capabilities(deadlock_timeout_settable=settable))
    with visitors_place(engine, load_spec(SPEC, "one.spec")) as place:
        assert ("deadlock_timeout" in place.settings) is settable
