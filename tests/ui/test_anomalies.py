"""The Anomalies page: what it opens on, what links and controls do to it, and what garbage does not."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from simulator.model import Outcome
from simulator.scenarios.loader import find
from simulator.ui.app.manager import Manager, manager
from simulator.ui.schedules.own import source
from simulator.ui.schedules.pick import ANOMALIES
from tests.ui.conftest import Opener
from tests.ui.texts import html_text, outcome

READ = "SELECT balance FROM wallet WHERE id = 1"


def picked(at: AppTest) -> tuple[str, str, str]:
    return (
        at.selectbox(key="anomalies_scenario").value,
        at.selectbox(key="anomalies_variant").value,
        at.session_state["anomalies_level"],
    )


def test_it_opens_on_a_lost_update_that_has_just_run(open_page: Opener) -> None:
    at = open_page("anomalies")
    assert picked(at) == ("lost_update", "naive", "RC")
    assert outcome(at) == "anomaly"
    assert "130 is stored, 150 expected" in html_text(at)
    assert "T2 read balance 100 of wallet 1, which T1 overwrote with 120" in html_text(at)
    assert not at.warning


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "Lost update (P4): A transaction read a row, and overwrote it without seeing what another had written"),
        ("zh", "一个事务先读了某一行，后来覆盖了它，却没有看到另一个事务在这期间写下的内容。"),
    ],
)
def test_an_anomaly_is_defined_beside_its_verdict_with_its_source(open_page: Opener, lang: str, said: str) -> None:
    text = html_text(open_page("anomalies", lang=lang))
    assert said in text
    assert "G-single, G2-item, G2" in text
    assert "Berenson et al. 1995, P4" in text
    assert "Berenson" not in html_text(open_page("anomalies", lang=lang, level="SER"))


def test_a_link_restores_scenario_variant_level_order_and_step(open_page: Opener) -> None:
    at = open_page("anomalies", level="RR", order="T2.read T1.read T1.write T1.commit T2.write T2.commit", step="2")
    assert picked(at) == ("lost_update", "naive", "RR")
    assert outcome(at) == "retried"
    assert at.session_state["anomalies_pick"].schedule.steps[0] == "T2.read"
    assert "T1.read" in html_text(at)
    assert not at.warning


@pytest.mark.parametrize(
    "query",
    [
        {"scenario": "no_such_thing"},
        {"scenario": "<script>alert(1)</script>"},
        {"scenario": "../../etc/passwd"},
        {"scenario": "deadlock"},
        {"scenario": "x" * 5000},
        {"variant": "nothing"},
        {"level": "QUITE SAFE"},
        {"level": ""},
        {"order": "T1.read"},
        {"order": "T1.write T1.read T1.commit T2.read T2.write T2.commit"},
        {"order": "; DROP TABLE wallet"},
        {"order": "T1.read " * 4000},
        {"step": "-1"},
        {"step": "NaN"},
        {"step": "²"},
    ],
)
def test_garbage_in_a_link_is_told_and_something_runs_all_the_same(open_page: Opener, query: dict[str, str]) -> None:
    at = open_page("anomalies", **query)
    assert len(at.warning) == 1
    assert len(at.warning[0].value) < 700
    assert picked(at)[0] == "lost_update"
    assert outcome(at) == "anomaly"


def test_a_step_past_the_end_stands_at_the_end(open_page: Opener) -> None:
    at = open_page("anomalies", step="999")
    assert outcome(at) == "anomaly"
    assert "T2.commit" in html_text(at)


def test_another_level_runs_at_once(open_page: Opener) -> None:
    at = open_page("anomalies")
    at.button_group(key="anomalies_level").set_value("SER").run()
    assert outcome(at) == "retried"
    assert "40001" in html_text(at)


def test_another_scenario_opens_at_its_first_variant(open_page: Opener) -> None:
    at = open_page("anomalies", variant="lock")
    at.selectbox(key="anomalies_scenario").set_value("write_skew").run()
    assert picked(at)[:2] == ("write_skew", "naive")
    assert not at.warning


def test_previous_and_next_scenario_walk_over_the_headings_of_the_list_and_round(open_page: Opener) -> None:
    scenarios = [each.key for each in ANOMALIES.scenarios()]
    first_of_hermitage = next(each.key for each in ANOMALIES.scenarios() if each.family == "hermitage")
    before = scenarios[scenarios.index(first_of_hermitage) - 1]
    at = open_page("anomalies", scenario=first_of_hermitage)
    at.button(key="anomalies_previous_scenario").click().run()
    assert picked(at)[0] == before
    at.button(key="anomalies_next_scenario").click().run()
    assert picked(at)[0] == first_of_hermitage
    at = open_page("anomalies", scenario=scenarios[-1])
    at.button(key="anomalies_next_scenario").click().run()
    assert picked(at)[0] == scenarios[0]


def test_every_scenario_opens(open_page: Opener) -> None:
    at = open_page("anomalies")
    for scenario in (each.key for each in ANOMALIES.scenarios()):
        at.selectbox(key="anomalies_scenario").set_value(scenario).run()
        assert not at.exception, scenario
        assert not at.warning, scenario
        assert outcome(at) in {"anomaly", "safe", "retried", "aborted"}, scenario


def test_a_guess_is_answered(open_page: Opener) -> None:
    at = open_page("anomalies")
    guess = next(group for group in at.button_group if group.key and group.key.startswith("anomalies_guess"))
    guess.set_value(Outcome.SAFE).run()
    assert any("Not quite" in text.value for text in at.markdown)
    next(group for group in at.button_group if group.key == guess.key).set_value(Outcome.ANOMALY).run()
    assert any("Right" in text.value for text in at.markdown)


def test_predict_first_hides_the_run_until_a_guess(open_page: Opener) -> None:
    at = open_page("anomalies")
    at.toggle(key="app_predict_first").set_value(True).run()
    assert outcome(at) is None
    guess = next(group for group in at.button_group if group.key and group.key.startswith("anomalies_guess"))
    guess.set_value(Outcome.ANOMALY).run()
    assert outcome(at) == "anomaly"


def test_an_impossible_order_is_explained(open_page: Opener) -> None:
    at = open_page("anomalies", order="T1.read T2.read T1.write T2.write T2.commit T1.commit")
    assert outcome(at) == "impossible order"
    assert "T2.commit cannot be sent here" in html_text(at)
    assert not at.warning


def test_an_impossible_order_is_explained_in_the_language_that_the_page_is_switched_to(open_page: Opener) -> None:
    at = open_page("anomalies", order="T1.read T2.read T1.write T2.write T2.commit T1.commit")
    at.button_group(key="app_language_switch").set_value("zh").run()
    assert "T2.commit 无法在这里发送" in html_text(at)
    assert "cannot be sent here" not in html_text(at)


def test_an_order_can_be_typed(open_page: Opener) -> None:
    at = open_page("anomalies")
    at.session_state["anomalies_details"] = "The order as text"
    at.run()
    at.text_input[0].set_value("T1.read, T1.write, T1.commit, T2.read, T2.write, T2.commit")
    assert [each for each in at.button if each.key == "anomalies_own_order"] == []
    at.button(key="FormSubmitter:anomalies_order_form-Run this order").click().run()
    assert outcome(at) == "safe"
    at.button(key="anomalies_own_order").click().run()
    assert outcome(at) == "anomaly"
    assert at.session_state["anomalies_pick"].schedule == find("lost_update").variants[0].schedule


def test_the_whole_page_speaks_chinese(open_page: Opener) -> None:
    at = open_page("anomalies", lang="zh")
    assert at.selectbox(key="anomalies_scenario").label == "场景"
    assert "丢失更新" in html_text(at)


def test_the_browser_decides_the_language(open_page: Opener) -> None:
    assert open_page("home", locale="zh-CN").session_state["app_language"] == "zh"
    assert open_page("home", locale="fr-FR").session_state["app_language"] == "en"


def open_tab(at: AppTest, title: str) -> AppTest:
    at.session_state["anomalies_details"] = title
    return at.run()


def test_the_fix_table_is_run_and_comes_out_as_expected(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "What fixes it")
    table = next(block.value for block in at.get("html") if "tx-fixes" in block.value)
    scenario = find("lost_update")
    assert table.count("data-outcome=") == len(scenario.variants) * len(scenario.levels)
    assert "≠" not in table
    assert "12 runs on this server, just now" in " ".join(caption.value for caption in at.caption)


def test_naive_code_stands_beside_a_fix(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Code")
    assert sum("def earn" in block.value for block in at.code) == 2
    at.button_group(key="anomalies_code_language").set_value("SQL").run()
    assert any("SELECT balance FROM wallet WHERE id = 1;  -- kept as :balance" in block.value for block in at.code)


def test_a_scenario_of_ones_own_is_run(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    at.text_area[0].set_value(at.text_area[0].value.replace('title = "Lost update"', 'title = "Mine *alone*"'))
    at.button(key="anomalies_own_run_text").click().run()
    assert not at.exception
    assert at.selectbox(key="anomalies_scenario").value == "own"
    assert outcome(at) == "anomaly"


def test_a_file_of_isolationtester_offers_its_permutations(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    assert any("--superuser" in each.value for each in at.caption)
    at.text_area[0].set_value(
        "setup { CREATE TABLE item (n int); INSERT INTO item VALUES (0); }\n"
        "session s1 setup { BEGIN; } step s1u { UPDATE item SET n = n + 1; } step s1c { COMMIT; }\n"
        "session s2 step s2u { UPDATE item SET n = n * 2; }\n"
        "permutation s1u s1c s2u\npermutation s1u s2u s1c"
    )
    at.button(key="anomalies_own_run_text").click().run()
    assert not at.exception
    assert at.selectbox(key="anomalies_variant").options == ["s1u s1c s2u", "s1u s2u s1c"]
    assert not at.error


def test_a_mistake_in_the_setup_is_told_with_its_line_and_can_be_mended_there(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    text = at.text_area[0].value
    at.text_area[0].set_value(text.replace("CREATE TABLE", "CRATE TABLE", 1))
    at.button(key="anomalies_own_run_text").click().run()
    assert any("In the setup, line 1" in each.value and "CRATE" in each.value for each in at.warning)
    assert not any("txscope_run" in each.value for each in at.warning)
    assert "CRATE TABLE" in at.text_area[0].value
    assert at.button(key="anomalies_own_run_text").label == "Run this text"


def test_where_all_runs_share_a_role_own_sql_is_off_and_the_page_says_how_to_switch_it_on(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Manager, "takes_own_sql", lambda self: False)
    at = open_tab(open_page("anomalies"), "Your own scenario")
    assert any("TXSCOPE_OWN_SQL=1" in each.value for each in at.info)
    assert [each.key for each in at.button if str(each.key).startswith("anomalies_own_run")] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "key = ",
        "\x00\x01",
        "[" * 3000,
        "title = 'only a title'",
        "key = 'x'\nfamily = 'nonsense'",
        "😀" * 10_000,
        "key = 1e99999",
    ],
)
def test_a_scenario_that_is_none_is_refused_in_a_sentence(open_page: Opener, text: str) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    at.text_area[0].set_value(text)
    at.button(key="anomalies_own_run_text").click().run()
    assert not at.exception
    assert len(at.warning) == 1
    assert "your text" in at.warning[0].value
    assert outcome(at) == "anomaly"  # what was picked before is still there


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("CREATE TABLE wallet", "CREATE TABEL wallet", 'syntax error at or near "TABEL"'),
        (READ, "SELECT balance FROM nowhere WHERE id = 1", 'relation "nowhere" does not exist'),
        (READ, "SELECT pg_sleep(0.01), 1 / 0", "division by zero"),
        (READ, "COPY wallet TO PROGRAM 'touch /tmp/owned'", "permission denied to COPY to or from an external program"),
    ],
)
def test_sql_that_fails_is_told_and_leaves_nothing(open_page: Opener, before: str, after: str, said: str) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    at.text_area[0].set_value(at.text_area[0].value.replace(before, after))
    at.button(key="anomalies_own_run_text").click().run()
    assert not at.exception
    assert said in html_text(at) + " ".join(each.value for each in at.warning)
    assert "Traceback" not in html_text(at)
    assert manager().runs_going_on() == 0


def test_a_file_is_uploaded_and_run(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    at.file_uploader[0].upload("mine.toml", source("write_skew").encode(), "application/toml").run()
    at.button(key="anomalies_own_run_file").click().run()
    assert at.selectbox(key="anomalies_scenario").value == "own"
    assert "Write skew" in at.session_state["anomalies_pick"].scenario.title


def test_a_file_that_is_no_text_is_refused(open_page: Opener) -> None:
    at = open_tab(open_page("anomalies"), "Your own scenario")
    at.file_uploader[0].upload("mine.toml", b"\xff\xfe\x00binary", "application/toml").run()
    at.button(key="anomalies_own_run_file").click().run()
    assert not at.exception
    assert "mine" in at.warning[0].value


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"scenario": "write_skew", "level": "SER"}, "The abort was needed"),
        ({"scenario": "false_positive", "level": "SER"}, "A false alarm"),
        ({"scenario": "lost_update", "level": "RR"}, "the first updater wins"),
        ({"scenario": "dirty_read"}, "Nothing that one transaction wrote was read or overwritten by another."),
    ],
)
def test_dependencies_explain_a_refusal_and_are_never_blank(
    open_page: Opener, query: dict[str, str], said: str
) -> None:
    assert said in html_text(open_page("anomalies", **query))
