"""The committed transactions of histories that are written by hand, one event a word."""

from __future__ import annotations

import pytest

from simulator.engines.base import Positions
from simulator.history.schedule import (
    AnswerCut,
    AnyEvent,
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.words import CutKind, SkipReason, TransactionOutcome
from simulator.model import Isolation, Schedule, SessionScript, Step, Variant
from simulator.verdict.transactions import MixedStepError, Seen, Transaction, committed, out_of_order

RC, SER = Isolation.READ_COMMITTED, Isolation.SERIALIZABLE


class Book:
    """Writes a history: `begin`, `step`, `fail` and `end` by transaction and step."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def _stamp(self, transaction: str | None, step: str | None, session: str | None = None) -> dict[str, object]:
        owner = (step or transaction or "").partition(".")[0].partition("#")[0].partition(":")[0]
        return {
            "seq": len(self.events),
            "at_ns": 0,
            "session": session or owner,
            "step": step,
            "transaction": transaction,
        }

    def begin(self, transaction: str, isolation: Isolation = RC) -> Book:
        self.events.append(TransactionBegan(**self._stamp(transaction, None), isolation=isolation))  # type: ignore[arg-type]
        return self

    def start(self, transaction: str | None, step: str, sql: str = "SELECT 1") -> Book:
        self.events.append(StatementStarted(**self._stamp(transaction, step), sql=sql))  # type: ignore[arg-type]
        return self

    def finish(self, transaction: str | None, step: str, saved: tuple[str, int] | None = None) -> Book:
        stamp = self._stamp(transaction, step)
        self.events.append(StatementFinished(**stamp, tag="SELECT 1", rows=((1,),), saved=saved))  # type: ignore[arg-type]
        return self

    def step(self, transaction: str | None, step: str, saved: tuple[str, int] | None = None) -> Book:
        return self.start(transaction, step).finish(transaction, step, saved)

    def fail(self, transaction: str | None, step: str, sqlstate: str) -> Book:
        self.start(transaction, step)
        self.events.append(StatementFailed(**self._stamp(transaction, step), sqlstate=sqlstate, message=""))  # type: ignore[arg-type]
        return self

    def skip(self, transaction: str, step: str, reason: SkipReason = SkipReason.GUARD) -> Book:
        self.events.append(StepSkipped(**self._stamp(transaction, step), reason=reason))  # type: ignore[arg-type]
        return self

    def cut(self, step: str, what: CutKind) -> Book:
        self.events.append(AnswerCut(**self._stamp(None, step), what=what, kept=1))  # type: ignore[arg-type]
        return self

    def end(
        self,
        transaction: str,
        step: str | None = None,
        outcome: TransactionOutcome = TransactionOutcome.COMMITTED,
    ) -> Book:
        session = transaction.partition("#")[0].partition(":")[0]
        self.events.append(TransactionEnded(**self._stamp(transaction, step, session), outcome=outcome))  # type: ignore[arg-type]
        return self

    def committed(self, positions: dict[int, Positions] | None = None) -> tuple[Transaction, ...]:
        keys = dict.fromkeys(event.step for event in self.events if event.step)
        sessions = dict.fromkeys(key.partition(".")[0] for key in keys)
        scripts = tuple(
            SessionScript(
                each,
                tuple(Step(k.partition(".")[2], each, f"SELECT '{k}'") for k in keys if k.partition(".")[0] == each),
            )
            for each in sessions
        )
        variant = Variant("v", "V", scripts, Schedule(tuple(keys)), is_fix=False, expectations={})
        return committed(History(tuple(sessions), tuple(self.events)), variant, positions or {})


def steps(transaction: Transaction) -> list[str]:
    return [sent.step.key for sent in transaction.sent]


def test_transactions_come_in_the_order_of_their_commits() -> None:
    book = Book().begin("T1", SER).begin("T2").step("T1", "T1.a").step("T2", "T2.a").end("T2").end("T1")
    second, first = book.committed()
    assert [(each.name, each.session, each.isolation) for each in (second, first)] == [
        ("T2", "T2", RC),
        ("T1", "T1", SER),
    ]
    assert first.sent[0].seen == Seen(("SELECT 1",), (((1,),),))
    assert out_of_order((first, second)) == ()


def test_only_the_attempt_that_committed_counts() -> None:
    book = Book().begin("T1").fail("T1", "T1.a", "40001").end("T1", outcome=TransactionOutcome.ABORTED)
    (found,) = book.begin("T1#2").step("T1#2", "T1.a").end("T1#2").committed()
    assert (found.name, steps(found)) == ("T1#2", ["T1.a"])
    assert found.sent[0].seen.sqlstate is None


def test_what_was_rolled_back_prepared_or_left_open_is_not_committed() -> None:
    for outcome in set(TransactionOutcome) - {TransactionOutcome.COMMITTED}:
        assert Book().begin("T1").step("T1", "T1.a").end("T1", outcome=outcome).committed() == ()


def test_several_transactions_of_a_session_have_their_own_steps_and_their_clock() -> None:
    book = Book().begin("T1").step("T1", "T1.a").end("T1").begin("T1:2").step("T1:2", "T1.b").end("T1:2")
    first, second = book.committed()
    assert (steps(first), steps(second)) == (["T1.a"], ["T1.b"])
    assert first.ended < second.began
    assert out_of_order((second, first)) == ((second, first),)


def test_what_was_sent_outside_of_transactions_belongs_to_the_sessions_next_one() -> None:
    book = Book().step(None, "T1.set").begin("T1").step("T1", "T1.a").end("T1")
    (found,) = book.begin("T2").step("T2", "T2.a").end("T2").committed()[:1]
    assert steps(found) == ["T1.set", "T1.a"]
    # What failed there has changed nothing.
    (found,) = Book().fail(None, "T1.set", "22023").begin("T1").step("T1", "T1.a").end("T1").committed()
    assert steps(found) == ["T1.a"]


def test_a_prepared_transaction_is_committed_by_whoever_says_so() -> None:
    book = Book().begin("T1").step("T1", "T1.a").step("T1", "T1.prepare")
    book.end("T1", "T1.prepare", TransactionOutcome.PREPARED)
    (found,) = book.step(None, "T2.commit").end("T1", "T2.commit").committed()
    assert (found.name, found.session, steps(found)) == ("T1", "T1", ["T1.a", "T1.prepare", "T2.commit"])


def test_a_step_that_ends_one_transaction_and_begins_the_next_cannot_be_sent_for_one() -> None:
    book = Book().begin("T1").step("T1", "T1.a").start("T1", "T1.both").end("T1")
    book.begin("T1:2").finish("T1:2", "T1.both").end("T1:2")
    with pytest.raises(MixedStepError, match=r"T1\.both"):
        book.committed()


def test_guards_leave_steps_out_and_other_reasons_do_not_count() -> None:
    book = Book().begin("T1").step("T1", "T1.a").skip("T1", "T1.b").skip("T1", "T1.c", SkipReason.UNSAVED)
    (found,) = book.end("T1").committed()
    assert [(sent.step.key, sent.seen.skipped) for sent in found.sent] == [("T1.a", False), ("T1.b", True)]


@pytest.mark.parametrize(
    ("sqlstate", "refused", "passed_over"),
    [
        ("40001", True, True),
        ("40P01", True, True),
        ("55P03", True, True),
        ("57014", True, True),
        # The server takes nothing but ROLLBACK TO: what failed before is what counts.
        ("25P02", False, True),
        ("23505", False, False),
        ("25006", False, False),
    ],
)
def test_errors_that_come_of_others(sqlstate: str, refused: bool, passed_over: bool) -> None:
    (found,) = Book().begin("T1").fail("T1", "T1.a", sqlstate).step("T1", "T1.b").end("T1").committed()
    assert (found.sent[0].refused, found.sent[0].passed_over) == (refused, passed_over)


def test_answers_that_were_cut_cannot_be_compared_and_notices_can() -> None:
    for kind in CutKind:
        book = Book().begin("T1").start("T1", "T1.a").cut("T1.a", kind).finish("T1", "T1.a").end("T1")
        assert book.committed()[0].sent[0].cut is (kind is not CutKind.NOTICES)


def test_values_that_others_had_saved_until_its_end_are_known() -> None:
    book = Book().begin("T1").step("T1", "T1.a", saved=("n", 1)).end("T1").begin("T2")
    book.step("T2", "T2.a", saved=("own", 5)).end("T2").begin("T3").step("T3", "T3.a", saved=("late", 9)).end("T3")
    known = {each.name: dict(each.known) for each in book.committed()}
    assert known == {"T1": {}, "T2": {"n": 1}, "T3": {"n": 1, "own": 5}}


def test_sequences_are_pinned_where_a_step_took_a_number_or_where_that_is_not_known() -> None:
    book = Book().begin("T1").step("T1", "T1.took").step("T1", "T1.read").step("T1", "T1.last").end("T1")
    starts = [event.seq for event in book.events if isinstance(event, StatementStarted)]
    stands: list[Positions] = [(("ticket", 1),), (("ticket", 2),), (("ticket", 2),)]
    (found,) = book.committed(dict(zip(starts, stands, strict=True)))
    assert [sent.positions for sent in found.sent] == [stands[0], (), stands[2]]
