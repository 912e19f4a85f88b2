"""Each sentence on the pages for Sessions, Mistakes and FastAPI that claims something, and the test that shows it.

Whoever changes a sentence, in English or in a translation, reads its proofs again and signs it anew: the test
`test_every_sentence_is_tied_to_its_proof_in_every_language` says the signature that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from babel.messages.pofile import read_po

from simulator.i18n.catalogues import catalogue_path, gettext, speaking
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ENDINGS
from simulator.labs.fastapi.teardown import CASES
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.labs.sessions.acid import ACID
from simulator.labs.sessions.catalogue import KINDS
from simulator.labs.versions import CHANGES

_UNIT, _DATABASE = "unit/test_claims.py", "integration/test_claims.py"
_HTTP, _KINDS, _EFFECTS = (f"integration/test_{name}.py" for name in ("fastapi", "sessions_kinds", "sessions_effects"))

#: The short name of a proof, and the test that it is.
PROOFS: Mapping[str, str] = {
    # the entry's own run and that of its fix: what each client was told, what was stored, what was not given back
    "run": "integration/test_mistakes.py::test_each_run_comes_to_what_is_promised",
    # each of its sentences by the events of that run, or by a run made for the sentence
    "said": "integration/test_mistakes.py::test_every_sentence_is_true_of_its_run",
    "begin": f"{_UNIT}::test_behind_a_commit_the_block_of_begin_refuses",
    "young": f"{_UNIT}::test_a_pass_over_the_young_frees_a_forgotten_session",
    "remove": f"{_UNIT}::test_remove_in_another_thread_removes_nothing",
    "eager": f"{_UNIT}::test_joinedload_sends_one_statement_and_raiseload_raises",
    "sorted": f"{_UNIT}::test_a_flush_sorts_its_updates_by_primary_key_and_your_own_statements_are_not_sorted",
    "computed": f"{_UNIT}::test_an_expression_is_computed_by_the_update",
    "before": f"{_UNIT}::test_what_was_read_before_the_commit_needs_no_statement_after_it",
    "back": f"{_UNIT}::test_a_commit_gives_the_connection_back",
    "identity": f"{_UNIT}::test_no_statement_asks_again_for_an_object_that_the_session_has",
    "stream": f"{_UNIT}::test_a_stream_holds_its_connection_until_the_last_byte",
    "early": f"{_UNIT}::test_what_was_read_before_the_first_byte_needs_no_connection",
    "threads": f"{_UNIT}::test_a_def_endpoint_and_the_validation_of_its_response_run_in_threads",
    "since": f"{_UNIT}::test_the_installed_fastapi_has_what_the_texts_say_since_these_versions",
    "locked": f"{_DATABASE}::test_only_populate_existing_and_refresh_read_a_locked_row_anew",
    "rolled": f"{_DATABASE}::test_a_commit_after_an_error_rolls_back_and_raises_nothing",
    "conflict": f"{_DATABASE}::test_on_conflict_do_nothing_skips_duplicates_and_nothing_else",
    "local": f"{_DATABASE}::test_set_local_ends_with_its_transaction",
    "wrapped": "unit/test_mistakes.py::test_the_banner_names_what_was_raised_inside",
    "reset": f"{_EFFECTS}::test_reset_on_return_decides_whether_state_leaks",
    "ping": f"{_EFFECTS}::test_pre_ping_saves_a_killed_connection",
    "matrix": f"{_HTTP}::test_the_client_and_the_database_are_told_what_is_written_above",
    "leaks": f"{_HTTP}::test_only_these_leak",
    "order": f"{_HTTP}::test_the_order_is_fastapis",
    "goes on": f"{_HTTP}::test_the_endpoint_goes_on_without_its_client",
    "told": f"{_HTTP}::test_what_is_said_of_a_cell_is_what_was_seen_in_it",
    "teardown stream": f"{_HTTP}::test_a_stream_reads_from_a_session_that_the_function_scope_has_closed",
    "handled": f"{_HTTP}::test_what_the_application_handles_is_no_500",
    "saved": f"{_KINDS}::test_a_message_is_saved",
    "changes": f"{_KINDS}::test_read_only_and_failing_kinds_change_nothing_and_all_others_do",
    "history": f"{_KINDS}::test_a_history_is_stored_whole_and_in_order",
    "version": f"{_KINDS}::test_the_slower_of_two_updates_is_refused",
    "transfers": f"{_KINDS}::test_many_transfers_at_once_lose_nothing_and_never_deadlock",
    "fails": f"{_KINDS}::test_a_failing_request_fails_for_the_reason_it_says",
    "streamed": f"{_KINDS}::test_a_connection_is_out_between_two_words_or_is_not",
    "held": f"{_KINDS}::test_a_connection_is_held_during_the_call_or_is_not",
    "states": "integration/test_sessions_load.py::test_one_request_shows_all_six_states_of_an_object",
    "settings": "integration/test_sessions_load.py::test_a_setting_is_seen_in_the_next_run",
    "killed": (
        "integration/test_sessions_load.py::"
        "test_connections_killed_half_way_are_noticed_by_the_pool_or_by_a_request"
    ),
    "40001": (
        "integration/test_sessions_load.py::test_serialization_failures_are_counted_by_their_sqlstate_and_named"
    ),
    "collected": (
        "integration/test_sessions_load.py::"
        "test_what_nobody_refers_to_is_collected_before_a_commit_could_expire_it"
    ),
    "timeout": f"{_EFFECTS}::test_pool_timeout_is_how_long_a_request_waits_in_vain",
    "curve": f"{_EFFECTS}::test_the_curve_counts_what_the_pool_itself_counts",
    "recycle": f"{_EFFECTS}::test_pool_recycle_reconnects",
    "lifo": f"{_EFFECTS}::test_lifo_takes_the_connection_that_came_back_last",
    "autoflush": f"{_EFFECTS}::test_autoflush_writes_before_a_query_reads",
    "closed": f"{_EFFECTS}::test_without_close_resets_only_a_closed_session_refuses",
    "tenant": f"{_EFFECTS}::test_reset_on_return_commit_publishes_what_nobody_committed",
    "atomicity": "integration/test_sessions_acid.py::test_a_transfer_killed_half_way_leaves_both_balances",
    "consistency": "integration/test_sessions_acid.py::test_the_check_refuses_and_undoes_the_whole_transaction",
    "isolation": "integration/test_sessions_acid.py::test_isolation_points_to_a_scenario_of_the_anomalies_lab",
    "durability": (
        "integration/test_sessions_acid.py::test_a_committed_row_outlives_its_server_and_a_hurried_one_does_not"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """Texts that are told together, as msgids."""

    key: str
    texts: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each claims something."""
        return tuple(each for said in self.texts for each in re.split(r"(?<=[.!?])\s+(?=[A-Z`])", said))


def sayings() -> tuple[Said, ...]:
    """Of mistakes (why, and the rule), ways to write get_db, endings, kinds of request, settings, letters, versions."""
    found = [Said(each.key, (each.why, each.cure)) for each in MISTAKES]
    found += [Said(f"get_db:{each.key}", (each.sentence,)) for each in DEPENDENCIES]
    found += [Said(f"ending:{each.key}", (each.sentence,)) for each in ENDINGS]
    found += [Said(f"teardown:{each.key}", (each.sentence,)) for each in CASES]
    found += [Said(f"kind:{each.key}", (each.sentence,)) for each in KINDS]
    found += [Said(f"letter:{each.key}", (each.sentence,)) for each in ACID]
    found += [Said(f"since:{each.key}", (each.sentence,)) for each in CHANGES]
    found += [Said(f"effect:{said[:24]}", (said,)) for said in _written_in("simulator/labs/sessions/effects.py")]
    found += [Said(f"cell:{said[:24]}", (said,)) for said in _written_in("simulator/labs/fastapi/told.py")]
    return tuple(found)


def _written_in(path: str) -> list[str]:
    """Msgids of the templates that stand there."""
    with catalogue_path("zh").open("rb") as file:
        messages = read_po(file)
    places = ((str(each.id), [place for place, _line in each.locations]) for each in messages if each.id)
    return sorted(said for said, where in places if path in where)


def signature(said: Said, languages: Iterable[str]) -> str:
    """Another one for every change of the words, in any language."""
    spoken = []
    for language in languages:
        with speaking(language):
            spoken += [gettext(each) for each in said.texts]
    return f"{crc32('|'.join(spoken).encode()):08x}"


#: Key of what is said: its signature, and a proof for each of its sentences in their order.
SIGNED: Mapping[str, tuple[str, ...]] = {
    "shared_commit_lost": ("8343aa4f", "run", "run", "run"),
    "shared_rollback": ("415a1344", "run", "run", "run"),
    "shared_half_transfer": ("02247feb", "run", "run"),
    "shared_unflushed": ("10b4748a", "identity", "run", "run"),
    "shared_connection": ("d70eb0d2", "run", "run", "run"),
    "global_session": ("98583857", "identity", "run", "run"),
    "global_alter": ("9404d750", "run", "run"),
    "shared_session": ("e33dbbbe", "run", "run", "run"),
    "shared_many": ("6fb41002", "run", "run"),
    "global_failed": ("96ec1582", "run", "run", "run"),
    "reset_on_return": ("b3adf50b", "run", "reset", "local"),
    "dead_connections": ("8dfc8097", "run", "run", "ping"),
    "connection_leak": ("91809bdd", "run", "young", "run"),
    "exception_kept": ("8389b684", "run", "run", "run"),
    "read_after_commit": ("4df92fb1", "run", "run", "before"),
    "no_commit": ("72cd052a", "run", "run"),
    "swallowed_error": ("cc3acb65", "rolled", "rolled", "run"),
    "batch_bad_row": ("375847b4", "run", "run", "conflict"),
    "retry_inside": ("c75f71d2", "run", "run", "run"),
    "deadlock_order": ("c05adc2b", "run", "run", "sorted", "run"),
    "llm_inside": ("1a03fbdf", "run", "run"),
    "get_then_lock": ("273dc829", "run", "run", "locked", "locked"),
    "scoped_session": ("5228770d", "run", "run", "run", "remove"),
    "lazy_after_close": ("04b4ebd7", "run", "run", "eager"),
    "n_plus_one": ("2346e917", "run", "eager"),
    "async_gather": ("cad1cf9b", "run", "run", "run"),
    "async_gather_warm": ("d16bb2d1", "run", "run", "run"),
    "async_lazy_load": ("7f7077cc", "run", "wrapped", "run"),
    "sync_in_async": ("ac037c4d", "run", "threads"),
    "orm_lost_update": ("b60aa797", "run", "run", "computed"),
    "orm_version_bypassed": ("3553d71e", "run", "run"),
    "orm_write_skew": ("1b673d93", "run", "run"),
    "commit_after_yield": ("48c3795a", "order", "run", "matrix"),
    "commit_in_finally": ("6fa56fd4", "run", "run"),
    "middleware_session": ("455531c8", "run", "run", "run"),
    "background_session": ("afc98a18", "run", "run", "run"),
    "stream_session": ("b49a71f8", "order", "run", "run", "stream", "early"),
    "no_finally": ("71138c79", "run", "run", "run"),
    "thread_pool": ("39c4ddc2", "back", "threads", "run", "back"),
    "return_orm_object": ("fa77c8da", "run", "run", "before"),
    "get_db:with_yield": ("f9bf43ab", "matrix"),
    "get_db:no_finally": ("1b8b4e4a", "leaks"),
    "get_db:commit_after_yield": ("ee1b4d1e", "order"),
    "get_db:commit_in_finally": ("2706d0b7", "told"),
    "get_db:swallow": ("7b272dc7", "matrix"),
    "get_db:function_scope": ("aaafba05", "matrix"),
    "ending:ok": ("dcc00955", "matrix"),
    "ending:not_found": ("5cafd0e9", "matrix"),
    "ending:error": ("2ce2445b", "matrix"),
    "ending:commit_fails": ("c291d786", "told"),
    "ending:client_leaves": ("52342284", "goes on"),
    "teardown:background": ("ef7d67cd", "order"),
    "teardown:stream": ("14022183", "teardown stream"),
    "teardown:not_found": ("55d52c94", "order"),
    "teardown:handled": ("a586b12c", "handled"),
    "kind:save_message": ("1900671d", "saved"),
    "kind:search_knowledge": ("1017f859", "changes"),
    "kind:append_history_commits": ("188d1333", "history"),
    "kind:append_history_add_all": ("948c1569", "history"),
    "kind:append_history_bulk": ("7d73cda1", "history"),
    "kind:update_agent_state": ("2a1a1e85", "version"),
    "kind:transfer": ("656a3450", "transfers"),
    "kind:failing_request": ("4cceb138", "fails"),
    "kind:llm_inside": ("6c6593c6", "held"),
    "kind:llm_outside": ("d3c84a81", "held"),
    "kind:save_and_count": ("c438f356", "settings"),
    "kind:all_states": ("51c756d3", "states"),
    "kind:use_after_close": ("58bbe735", "settings"),
    "kind:set_tenant": ("3ddbec8f", "settings"),
    "letter:atomicity": ("ed8aa759", "atomicity"),
    "letter:consistency": ("2d23ad46", "consistency"),
    "letter:isolation": ("eec7bac2", "isolation"),
    "letter:durability": ("bedcc270", "durability"),
    "since:teardown_after_response": ("9c0f0e68", "order", "since"),
    "since:scope_function": ("3ff667ac", "order"),
    "since:max_concurrency": ("eebb1cca", "run"),
    "effect:Came back: {resets}. Ins": ("27e681e8", "tenant", "reset", "settings"),
    "effect:Checkouts by slot: {slot": ("0e5cc8d6", "lifo"),
    "effect:Checkouts: {checkouts}. ": ("98fae0cc", "recycle", "recycle"),
    "effect:Ended by the server: {ki": ("dd8532f9", "killed", "killed", "killed"),
    "effect:Flushes before the commi": ("10d29879", "settings"),
    "effect:In use at once, at most:": ("f441457c", "curve", "curve", "curve"),
    "effect:Nothing to notice: no co": ("ebf8e5df", "killed"),
    "effect:Objects that a commit ex": ("ec8ec1e1", "collected", "collected", "settings"),
    "effect:Requests that ended with": ("5b7e9b41", "40001"),
    "effect:Uses of a closed Session": ("71b6c580", "killed"),
    "effect:Waits that ended with Ti": ("bf49caab", "timeout", "timeout"),
    "cell:The COMMIT came before t": ("e54a4c5d", "told"),
    "cell:The COMMIT failed before": ("23e23edc", "told"),
    "cell:The client had gone when": ("e695ecda", "told"),
    "cell:The client was told {tol": ("aac93457", "told"),
    "cell:The close() was never re": ("bea6c0d8", "told"),
    "cell:The lab refers to the Se": ("d6bc90b8", "told"),
    "cell:The response, {told}, ha": ("ec916f70", "told"),
    "cell:commit() raised, and the": ("7d87afe5", "told", "told"),
    "engine_across_fork": ("e0a6d823", "said", "said", "said", "said"),
    "advisory_lock_pool": ("11aa8ce6", "said", "said", "said", "said", "said"),
    "engine_per_request": ("23521f85", "said", "said", "said", "said", "said"),
    "two_sessions": ("4d88f667", "said", "said", "said"),
    "swallowed_commit_error": ("e56980f8", "said", "said", "said"),
    "task_before_commit": ("da664f4f", "said", "said", "said"),
    "commit_inside_begin": ("dad2ac3a", "said", "begin", "said"),
    "add_before_savepoint": ("5270a827", "said", "said", "said"),
    "json_in_place": ("343fea0e", "said", "said", "said"),
    "autoflush_half_filled": ("04bf05d1", "said", "said", "said"),
    "onupdate_async": ("04594ecb", "said", "said", "said"),
    "stale_worker_loop": ("39fe8f30", "said", "said", "said", "said"),
    "object_to_background_task": ("a41bd082", "said", "said", "said"),
    "scoped_remove_elsewhere": ("a1654190", "said", "said", "said", "said"),
    "streaming_answer": ("0e45b544", "said", "said", "said", "said", "said"),
    "get_db:middleware": ("ea5f6698", "matrix"),
    "kind:sse_chat": ("236d5c03", "streamed"),
    "kind:sse_chat_outside": ("947a313d", "streamed"),
}  # fmt: skip
