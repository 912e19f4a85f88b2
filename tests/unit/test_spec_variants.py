"""Permutations as variants: names that a scenario may have, steps used twice, sessions that only have a setup."""

from __future__ import annotations

from simulator.model import Isolation
from simulator.scenarios.spec_reader import load_spec
from simulator.scenarios.spec_variants import to_scenario

TEXT = """# About two sessions.
setup { CREATE TABLE t (n int); }
setup { VACUUM t; }
session "s-1"
setup { BEGIN; }
step "read it" { SELECT n FROM t; }
step read_it { COMMIT; }
teardown { ROLLBACK; }
session s2
step "2nd" { UPDATE t SET n = 1; }
session idle
setup { SELECT pg_advisory_lock(1); }
step never { SELECT 1; }
session left_out
step neither { SELECT 1; }
permutation "read it" "2nd" "read it"(*) read_it
permutation "2nd"
"""


def test_each_permutation_is_a_variant_whose_sessions_are_as_psql_has_them() -> None:
    scenario = to_scenario(load_spec(TEXT, "my-file.spec"))
    first, second = scenario.variants
    assert (scenario.key, scenario.title, scenario.story) == ("my_file", "my-file", "About two sessions.")
    assert scenario.levels == (Isolation.READ_COMMITTED,)
    assert first.schedule.steps == ("s_1.read_it", "s2.s2nd", "s_1.read_it_3", "s_1.read_it_2")
    assert [session.name for session in first.sessions] == ["s_1", "s2", "idle"]
    assert all(session.autocommit for session in first.sessions)
    assert (first.session("s_1").setup, first.session("s_1").teardown) == ("BEGIN;", "ROLLBACK;")
    assert first.step("s_1.read_it_3").sql == "SELECT n FROM t;"
    assert [session.name for session in second.sessions] == ["s_1", "s2", "idle"]
    assert second.session("s_1").steps == ()
    assert second.schedule.steps == ("s2.s2nd",)
