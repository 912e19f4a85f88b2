"""What runs come to: real cases from others' applications, everyday statements, and the traps of running again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from simulator.engines.base import Engine
from simulator.errors import EngineError
from simulator.model import Isolation, Scenario, Variant
from simulator.scenarios.loader import load_file
from simulator.verdict import replay
from simulator.verdict.run import RunResult, run_scenario
from simulator.verdict.types import Loophole
from tests.integration.verdict_cases import (
    ABORTED,
    BY_DESIGN,
    CASES,
    IMPOSSIBLE,
    NAMED,
    RC,
    RETRIED,
    RR,
    RULE_BROKEN,
    SAFE,
    SER,
    UNDECIDED,
    UNNAMED,
    WAITS_FOR_EVER,
    Case,
    Expected,
    everywhere,
)
from tests.patience import BUSY

FILES = Path(__file__).parents[1] / "verdict"

NAMED_BELOW_SERIALIZABLE = {RC: NAMED, RR: NAMED, SER: RETRIED}
NAMED_AT_RC = {RC: NAMED, RR: RETRIED, SER: RETRIED}
NAMED_AT_RC_ELSE_SAFE = {RC: NAMED, RR: SAFE, SER: SAFE}

#: By file, by variant; decided by thinking about the transactions.
EXPECTED: Mapping[str, Mapping[str, Mapping[Isolation, Expected]]] = {
    # Nobody can lock a row that is not there.
    "01-double-booking-for-update-nothing": {
        "naive": NAMED_BELOW_SERIALIZABLE,
        "lock_overlap": NAMED_BELOW_SERIALIZABLE,
    },
    # The INSERT sees the other's row and the SELECT beside it does not; with a fixed snapshot it is 40001.
    "02-on-conflict-nothing-none": {
        "cte": {RC: UNNAMED, RR: RETRIED, SER: RETRIED},
        "returning": {RC: SAFE, RR: RETRIED, SER: RETRIED},
    },
    # 23505 is not run again, 40001 is.
    "03-serializable-23505": {"overlapping": {RC: ABORTED, SER: RETRIED}, "late": {RC: SAFE, SER: RETRIED}},
    "03-without-limit": {"overlapping": {RC: ABORTED, SER: RETRIED}, "late": {RC: SAFE, SER: RETRIED}},
    "05-deadlock-two-columns-same-rows": {"naive": everywhere(RETRIED)},
    "07-fk-deadlock-for-update-parent": {"for_update": everywhere(RETRIED), "no_key": everywhere(SAFE)},
    "09-alter-table-convoy": {"naive": everywhere(SAFE), "lock_timeout": everywhere(ABORTED)},
    # Numbers are given out in one order and committed in another: so they are one after another, too.
    "10-outbox-sequence-order": {"naive": everywhere(RULE_BROKEN), "select": everywhere(RULE_BROKEN)},
    # At SERIALIZABLE the INSERT's 40001 is caught, and the client goes on.
    "11-update-or-create-savepoint": {
        "naive": {RC: NAMED, RR: NAMED, SER: RULE_BROKEN},
        "upsert": {RC: SAFE, RR: RETRIED, SER: RETRIED},
    },
    "13-for-update-new-row-unseen": {"naive": NAMED_AT_RC},
    "31-isolation-spec-read-only-anomaly": {"naive": NAMED_BELOW_SERIALIZABLE},
    "autocommit_delete": {"v": everywhere(SAFE)},
    "autocommit_delete2": {"v": NAMED_AT_RC_ELSE_SAFE},
    "autocommit_update": {"v": NAMED_AT_RC_ELSE_SAFE},
    "blamed2": {"v": everywhere(SAFE)},
    "false_anomaly": {"v": everywhere(SAFE)},
    # The unique check looks past the snapshot, and SERIALIZABLE does not see that it does.
    "false_safe_1": {"v": everywhere(NAMED)},
    "false_safe_6": {"v": {RC: SAFE, RR: NAMED, SER: RETRIED}},
    "include_key": {"v": NAMED_AT_RC_ELSE_SAFE},
    "limit1": {"v": NAMED_AT_RC},
    "no-commit-waits-for-ever": {"v": everywhere(WAITS_FOR_EVER)},
    "nocolumns": {"v": everywhere(SAFE)},
    "own_timeout": {"v": everywhere(ABORTED)},
    "ring6": {"naive": NAMED_BELOW_SERIALIZABLE},
    "ring7": {"naive": NAMED_BELOW_SERIALIZABLE},
    "ring8": {"naive": NAMED_BELOW_SERIALIZABLE},
    "savepoint-ok": {
        "write_after_savepoint": everywhere(SAFE),
        "rolled_back": everywhere(SAFE),
        "error_then_undo": everywhere(SAFE),
    },
    "timeout-order": {"v": everywhere(ABORTED)},
    "unbounded-wait": {"v": everywhere(IMPOSSIBLE)},
    "unsortable_column": {"v": everywhere(SAFE)},
    # A generated value is another one in each run, and the same one wherever it is read in one run.
    "uuid_nonrep": {"v": {RC: NAMED}},
    "updated_at_nonrep": {"v": {RC: NAMED}},
    "textseq_nonrep": {"v": {RC: NAMED}},
    "rrskew_uuid": {"v": {RR: UNNAMED}},
    # What stands beside it in the same value counts.
    "lost_with_ts": {"v": {RC: NAMED}},
    "json_now": {"v": {RC: UNNAMED}},
    "sum_now_text": {"v": {RC: UNNAMED}},
    "trigsum_hidden": {"v": {RC: UNNAMED}},
    "lost_returning_json": {"v": {RC: NAMED}},
    # What is reckoned from it, a digest of it, and what is not stored in the schema tell nothing.
    "random_lost": {"v": {RC: UNDECIDED}},
    "reckoned_from_sequence": {"v": {RC: UNDECIDED}},
    "bigdigest": {"v": {RC: UNDECIDED}},
    "lo_skew": {"v": {RR: UNDECIDED}},
    # Words in quotes, in comments and as names of columns excuse nothing, nor does a time-out that is set.
    "explain_word": {"v": NAMED_AT_RC_ELSE_SAFE},
    "explain_reads": {"v": {RR: NAMED}},
    "nowait_string": {"v": {RC: NAMED}},
    "nowait_comment": {"v": {RC: NAMED}},
    "lock_timeout_step": {"v": {RC: NAMED}},
    # SKIP LOCKED excuses what follows from it, and no lost update beside it.
    "skip_plus_lost": {"v": {RC: NAMED}},
    "fn_nowait": {"v": {RC: BY_DESIGN}},
    # A session keeps something of a transaction that was rolled back.
    "prep_in_rollback": {"v": {RC: UNDECIDED}},
    "currval_rb": {"v": {RC: UNDECIDED}},
    "adv_rb": {"v": {RC: UNDECIDED}},
    # Another session's value is the one that was known when the step was sent.
    "known_later": {"v": {RC: SAFE}},
    "distinct_on": {"v": {RC: UNDECIDED}},
    "view_limit": {"v": {RC: UNDECIDED}},
    "numbered": {"v": {RC: UNDECIDED}},
    "stringagg_one": {"v": {RC: NAMED}},
    "lease_time": {"v": {RC: UNDECIDED}},
    # A session holds the sequence that it alters.
    "trunc": {"v": {RC: SAFE, RR: UNNAMED, SER: UNNAMED}},
    "alterseq": {"v": {RC: SAFE}},
    "droptab": {"v": {RC: SAFE}},
    "two_pc_psql": {"v": {RC: SAFE}},
    # Errors that the application raises are its own business.
    "custom_err": {"v": {RC: ABORTED}},
    "custom_state": {"v": {RC: ABORTED}},
}

#: Beside `SELECT v FROM t WHERE id = 2`, with which none of them conflicts but one that reads or changes nothing in it.
FORMS = {
    "add a column": "ALTER TABLE t ADD COLUMN w text",
    "add a column with a default": "ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 0",
    "add a column if there is none": "ALTER TABLE t ADD COLUMN IF NOT EXISTS w text",
    "add a foreign key": "ALTER TABLE u ADD CONSTRAINT fk2 FOREIGN KEY (t) REFERENCES t (id)",
    "an alias": "SELECT x.v FROM t AS x WHERE x.id = 1",
    "BETWEEN and FOR SHARE": "SELECT v FROM t WHERE id BETWEEN 1 AND 2 FOR SHARE",
    "a block of code": "DO $$ BEGIN UPDATE t SET v = 1 WHERE id = 1; END $$",
    "the next number by max": "SELECT coalesce(max(v), 0) + 1 FROM t",
    "create an index": "CREATE INDEX ON t (v)",
    "EXISTS": "SELECT EXISTS (SELECT 1 FROM t WHERE g = 1)",
    "the first row": "SELECT id, v FROM t WHERE id = 1 LIMIT 1",
    "a function": "SELECT lower('A'), v FROM t WHERE id = 1",
    "rows of a function": "INSERT INTO t SELECT n, 0, 1 FROM generate_series(7, 8) n",
    "GROUP BY": "SELECT g, count(*) FROM t GROUP BY g",
    "a sum of a group": "SELECT sum(v) FROM t WHERE g = 1",
    "ANY of an array": "SELECT v FROM t WHERE id = ANY(ARRAY[1,2])",
    "DELETE by a subquery": "DELETE FROM u WHERE t IN (SELECT id FROM t WHERE v = 0)",
    "a join": "SELECT t.v, u.v FROM t JOIN u ON u.t = t.id WHERE t.id = 1",
    "LOCK TABLE": "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE",
    "nextval": "SELECT nextval('t_seq')",
    "now": "SELECT v FROM t WHERE id = 1 AND now() > '2020-01-01'",
    "as SQLAlchemy writes it": "SELECT t.id AS t_id, t.v AS t_v FROM t WHERE t.id = 1",
    "a savepoint": "SAVEPOINT s",
    "a schema's name": "SELECT relname FROM pg_catalog.pg_class WHERE relname = 't'",
    "a level of its own": "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "TRUNCATE of another table": "TRUNCATE u",
    "UPDATE by a join": "UPDATE t SET v = u.v FROM u WHERE u.t = t.id",
    "UPDATE by a subquery": "UPDATE t SET v = (SELECT max(v) FROM u) WHERE id = 1",
    "ON CONFLICT DO NOTHING": "INSERT INTO t VALUES (1, 5, 1) ON CONFLICT DO NOTHING",
    "ON CONFLICT DO UPDATE": "INSERT INTO t VALUES (1, 5, 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
}
FORMS_SETUP = """
CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, g int NOT NULL);
CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t, v int);
CREATE SEQUENCE t_seq;
INSERT INTO t VALUES (1, 0, 1), (2, 0, 1);
INSERT INTO u VALUES (1, 1, 0);
"""


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a case comes to does not depend on how many orders of a ring of eight a busy machine can try in 4 s."""
    monkeypatch.setattr(replay, "MAX_SECONDS", replay.MAX_SECONDS * 2 * BUSY)


def run(engine: Engine, scenario: Scenario, variant: Variant, level: Isolation) -> RunResult:
    return run_scenario(engine, scenario, variant, level, deadline_s=10.0 * BUSY)


@pytest.mark.parametrize("name", EXPECTED)
def test_cases_of_real_applications(engine: Engine, name: str) -> None:
    scenario = load_file(FILES / f"{name}.toml")
    found = {
        variant.key: {level: _verdict(run(engine, scenario, variant, level)) for level in scenario.levels}
        for variant in scenario.variants
    }
    assert found == EXPECTED[name]


def test_every_file_is_expected_to_come_to_something() -> None:
    assert {path.stem for path in FILES.glob("*.toml")} == set(EXPECTED)


@pytest.mark.parametrize("form", FORMS)
def test_everyday_statements_beside_a_reader(engine: Engine, form: str) -> None:
    steps = f"T1.a: {FORMS[form]}\nT2.a: SELECT v FROM t WHERE id = 2\nT1.commit: COMMIT\nT2.commit: COMMIT"
    _check(engine, Case(form, FORMS_SETUP, steps, everywhere(SAFE)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_traps_of_running_again(engine: Engine, case: Case) -> None:
    _check(engine, case)


def test_an_extension_that_the_run_may_not_make_is_told(engine: Engine) -> None:
    setup = "CREATE EXTENSION dblink"
    case = Case("extension", setup, "T1.a: SELECT 1\nT1.commit: COMMIT", {})
    with pytest.raises(EngineError, match="permission denied to create extension"):
        run(engine, case.scenario, case.variant, RC)


def test_what_looks_past_snapshots_is_named(engine: Engine) -> None:
    scenario = load_file(FILES / "false_safe_1.toml")
    result = run(engine, scenario, scenario.variants[0], SER)
    assert result.replayed.loopholes == (Loophole.UNIQUE_CHECK,)
    (case,) = (case for case in CASES if case.name.startswith("TRUNCATE"))
    result = run(engine, case.scenario, case.variant, SER)
    assert result.replayed.loopholes == (Loophole.NOT_MVCC_SAFE,)


def test_what_was_left_out_and_not_compared_is_named(engine: Engine) -> None:
    by_name = {case.name: case for case in CASES}
    case = by_name["NOWAIT, and a client that goes on without"]
    assert run(engine, case.scenario, case.variant, RC).replayed.left_out == ("T2.lock",)
    case = by_name["questions about locks and sessions"]
    assert run(engine, case.scenario, case.variant, RC).replayed.not_compared == ("T2.locks", "T2.who")


def _check(engine: Engine, case: Case) -> None:
    found = {level: run(engine, case.scenario, case.variant, level) for level in case.expected}
    why = [f"{level.short}: {result.reason} {result.replayed}" for level, result in found.items()]
    assert {level: _verdict(result) for level, result in found.items()} == dict(case.expected), "\n".join(why)


def _verdict(result: RunResult) -> Expected:
    return result.outcome, result.finding
