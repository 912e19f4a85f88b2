"""Several steps in one message: whose answer is whose, also where one of them fails."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest

from simulator.engines.replies import Reply, ResultSet, ServerError
from simulator.model import Scalar
from simulator.verdict.conversation import Conversation, NotReplayedError


class Session:
    """Answers each statement with itself; `FAIL` with an error, after which nothing of the message is run."""

    name, in_transaction, failed = "T1", False, False

    def __init__(self) -> None:
        self.messages: list[str] = []

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        self.messages.append(sql)

    def poll(self) -> Reply:
        results: list[ResultSet] = []
        text = re.sub(r"--[^\n]*", "", self.messages[-1])
        for statement in filter(None, map(str.strip, text.split(";"))):
            if statement == "FAIL":
                return Reply(tuple(results), ServerError("23505", "told to fail"))
            results.append(ResultSet(statement))
        return Reply(tuple(results))

    def notices(self) -> Sequence[object]:
        return ()


class Room:
    deadline = float("inf")


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def conversation(session: Session) -> Conversation:
    return Conversation(Room(), session)  # type: ignore[arg-type]


def tags(replies: Sequence[Reply]) -> list[list[str]]:
    return [[result.tag for result in reply.results] for reply in replies]


def test_all_of_it_is_one_message(session: Session, conversation: Conversation) -> None:
    conversation.say("SAVEPOINT s")
    conversation.put("A; B;")
    conversation.say("PIN")
    conversation.put("C")
    assert tags(conversation.answers()) == [["A", "B"], ["C"]]
    assert len(session.messages) == 1
    assert conversation.answers() == []


def test_a_comment_at_the_end_does_not_swallow_the_next_step(conversation: Conversation) -> None:
    conversation.put("A -- why")
    conversation.put("B")
    assert tags(conversation.answers()) == [["A"], ["B"]]


def test_behind_a_step_that_fails_nothing_was_run(conversation: Conversation) -> None:
    for sql in ("A", "B; FAIL; C", "D"):
        conversation.put(sql)
    first, failed = conversation.answers()
    assert tags([first, failed]) == [["A"], ["B"]]
    assert (first.error, failed.error and failed.error.sqlstate) == (None, "23505")


def test_ours_must_not_fail(conversation: Conversation) -> None:
    conversation.say("FAIL")
    conversation.put("A")
    with pytest.raises(NotReplayedError, match="told to fail"):
        conversation.answers()


def test_what_cannot_be_cut_is_sent_alone(session: Session, conversation: Conversation) -> None:
    conversation.say("SAVEPOINT s")
    conversation.ask("SELECT 'never closed")
    assert session.messages == ["SAVEPOINT s", "SELECT 'never closed"]


def test_values_go_with_a_message_of_their_own(session: Session, conversation: Conversation) -> None:
    conversation.say("SAVEPOINT s")
    conversation.ask("SELECT :v", {"v": 1})
    assert session.messages == ["SAVEPOINT s", "SELECT :v"]


def test_more_answers_than_statements_are_not_guessed_about(conversation: Conversation, session: Session) -> None:
    conversation.put("A")
    session.poll = lambda: Reply((ResultSet("A"), ResultSet("by a rule")))  # type: ignore[method-assign]
    with pytest.raises(NotReplayedError, match="could not be told apart"):
        conversation.answers()


def test_what_was_said_can_be_forgotten(session: Session, conversation: Conversation) -> None:
    conversation.say("A")
    assert conversation.inside
    conversation.drop()
    assert not conversation.inside
    assert conversation.answers() == []
    assert session.messages == []
