"""What files that are given away hold, and what they must not."""

from __future__ import annotations

import json
from dataclasses import replace

from simulator.engines.base import ServerInfo
from simulator.execution.run import Abort
from simulator.experiments.matrix import FixCell
from simulator.export.json import matrix_json, run_json
from simulator.export.text import matrix_text, run_text
from simulator.history.schedule import History, StatementFinished, StatementStarted
from simulator.i18n.text import Text
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant
from simulator.verdict.judge import Finding
from simulator.verdict.run import RunResult
from simulator.verdict.types import Replayed, Serial
from tests.unit.score_samples import lost_update_verdict

FOLDER = "/home/ada/.local/share/txscope"
SERVER = ServerInfo("PostgreSQL", "18.1", True, Text.of("embedded, in {folder}", folder=FOLDER), "ada", Text(FOLDER))
VARIANT = Variant("naive", "Naive", (), Schedule(()), is_fix=False, expectations={})
SCENARIO = Scenario("mine", "Mine", "isolation", 1, "", "", (VARIANT,))
RESULT = RunResult(SCENARIO, VARIANT, Schedule(()), Isolation.SERIALIZABLE, SERVER, History((), ()))


def test_files_say_which_server_and_not_where_it_is() -> None:
    cell = FixCell(SCENARIO, VARIANT, Isolation.SERIALIZABLE, Outcome.SAFE, RESULT)
    for file in (run_json(RESULT), matrix_json((), (cell,))):
        assert file["server"] == {"product": "PostgreSQL", "version": "18.1", "embedded": True}
        assert FOLDER not in json.dumps(file)
        assert "ada" not in json.dumps(file)


def test_a_terminal_is_told_who_sent_what_and_why_it_was_aborted() -> None:
    stamp = {"at_ns": 0, "session": "C", "step": "C.look", "transaction": None}
    events = (
        StatementStarted(seq=0, sql="LISTEN ch", **stamp),
        StatementFinished(seq=1, tag="SELECT 1", rows=((None, ""),), **stamp),
    )
    aborted = replace(
        RESULT,
        history=History(("C",), events),
        replayed=Replayed(Serial.YES, ("B",)),
        outcome=Outcome.ABORTED,
        aborts=(Abort("A", "A.add", "23505", Text.verbatim("duplicate key")),),
    )
    lines = run_text(aborted).splitlines()
    assert [line.split("ms")[1].split() for line in lines[3:5]] == [
        ["C", "LISTEN", "ch"],
        ["C", "SELECT", "1:", "NULL,", "''"],
    ]
    assert lines[-3:] == ["Outcome: aborted", "A was aborted at A.add (23505: duplicate key).", "Only B committed."]


def test_the_printed_table_names_the_cells_in_which_graph_and_replay_disagree() -> None:
    risk = replace(
        RESULT, graph=lost_update_verdict(), replayed=Replayed(Serial.YES, ("T1", "T2")), outcome=Outcome.SAFE
    )
    cells = [
        FixCell(SCENARIO, VARIANT, Isolation.READ_COMMITTED, Outcome.SAFE, replace(risk, graph=RESULT.graph)),
        FixCell(SCENARIO, VARIANT, Isolation.SERIALIZABLE, Outcome.SAFE, risk),
    ]
    text = matrix_text((), cells)
    assert "safe~" in text
    assert f"    mine naive SER: {Finding.RISK}" in text.splitlines()
    assert "2 of 2 cells as expected" in text
    assert "~" not in matrix_text((), cells[:1])
