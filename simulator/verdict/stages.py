"""Where transactions are run again, one after another: inside of one transaction that is taken back, or each for real.

*Nested* costs a savepoint and a rollback an order. What a server does not do, undo or repeat inside of a transaction is
run *apart*: in the room made anew, every session with a connection of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from simulator.engines.base import Positions, Room, SessionConnection
from simulator.engines.replies import Reply, ResultSet
from simulator.errors import NotObservedError
from simulator.history.words import CutKind
from simulator.i18n.text import Text
from simulator.model import Isolation, Variant
from simulator.verdict.comparison import Content, Replay
from simulator.verdict.conversation import Conversation
from simulator.verdict.generated import SHIFT
from simulator.verdict.player import NOTHING_ELSE, Also, Player, Saved, Told, is_plain, seen_of
from simulator.verdict.transactions import Seen, Transaction

#: Decides after each transaction of an order whether the rest is still worth running.
GoOn = Callable[[Transaction, Sequence[Seen]], bool]


class Stage(Protocol):
    """Runs orders of transactions. Raises NotReplayedError, NotObservedError, RunError, EngineError."""

    def run(self, order: Sequence[Transaction], go_on: GoOn, also: Also = NOTHING_ELSE) -> Replay:
        """From the start that every order has; its content is None where `go_on` ended it."""


class Nested:
    """One session holds the setup; every order runs in one transaction of it and is taken back."""

    def __init__(self, room: Room, variant: Variant, session: SessionConnection) -> None:
        self._room, self._variant, self._session = room, variant, session
        self._conversation = Conversation(room, session)
        self._start = room.sequences()
        self._saved = Saved(variant)
        #: what clients knew at each place to go back to
        self._marks: dict[str, Saved] = {}
        self._relations: Content = ()
        #: answers to steps that shared the round trip of a look at the content
        self._before: list[Reply] = []

    def run(self, order: Sequence[Transaction], go_on: GoOn, also: Also = NOTHING_ELSE) -> Replay:
        self.begin()
        if not also and all(map(is_plain, order)):
            found = self._run_at_once(order)
            if found is not None:
                return found
            self.begin()
        answers: dict[str, list[Seen]] = {}
        told: Told = {}
        for transaction in order:
            answers[transaction.name] = self.play(transaction, also, told)
            if not go_on(transaction, answers[transaction.name]):
                return Replay(names_of(order), answers, None)
        return Replay(names_of(order), answers, self.content(), told)

    def _run_at_once(self, order: Sequence[Transaction]) -> Replay | None:
        """In one round trip; None where a step fails that did not."""
        for transaction in order:
            self.play_on(transaction)
        self._before = []
        try:
            content = self.content()
        except NotObservedError:
            if self._session.failed:
                return None
            raise
        return Replay(names_of(order), _by_name(order, self._before), content)

    def begin(self) -> None:
        """Take back what was done, and stand at the start."""
        self._saved = Saved(self._variant)
        self._conversation.drop()
        if self._session.in_transaction:
            self._conversation.say("ROLLBACK")
        self._conversation.say("BEGIN")
        # What sequences gave is not taken back with the transaction.
        self._pin(self._start)

    def mark(self, name: str) -> None:
        """A place to go back to."""
        self._marks[name] = self._saved.copied()
        self._conversation.say(f"SAVEPOINT {name}")

    def roll_back(self, name: str) -> None:
        """Back to that place."""
        if name in self._marks:
            self._saved = self._marks[name].copied()
        self._conversation.say(f"ROLLBACK TO {name}")

    def content(self) -> Content:
        """What is stored now."""
        # What is nested makes no relation, and drops none.
        self._relations = self._room.content(self._told, self._relations)
        return self._relations

    def _told(self, queries: Sequence[str]) -> tuple[ResultSet, ...]:
        self._conversation.put("\n;\n".join(queries), len(queries))
        *before, reply = self._conversation.answers()
        self._before += before
        if reply.error is not None:
            raise NotObservedError(Text.verbatim(reply.error.message))
        if any(cut.kind is CutKind.ANSWER for cut in reply.cuts):
            raise NotObservedError(Text.of("The tables are too large to be looked at."))
        return reply.results

    def play(
        self,
        transaction: Transaction,
        also: Also = NOTHING_ELSE,
        told: Told | None = None,
        *,
        shifted: bool = False,
    ) -> list[Seen]:
        """One transaction on top of those before it; where it fails it leaves nothing."""
        self._conversation.say("SAVEPOINT txscope_replay")
        player = Player(self._conversation, self._saved, transaction, also, told)
        for sent in transaction.sent:
            if player.over:
                break
            player.send(sent, _shift(sent.positions, shifted), self._pin)
        player.settle()
        if player.over or self._session.failed:
            self.roll_back("txscope_replay")
        # And with it the savepoints that the transaction made.
        self._conversation.say("RELEASE txscope_replay")
        return player.answers

    def play_on(self, transaction: Transaction) -> None:
        """The same, of one that is known to fit, on top of which others will come."""
        if is_plain(transaction):
            self._put(transaction, shifted=False)
            self._conversation.say("RELEASE txscope_replay")
        else:
            self.play(transaction)

    def look_at(self, transactions: Sequence[Transaction], mark: str, *, shifted: bool = False) -> list[Sequence[Seen]]:
        """What each of them would see next; `mark` is where they stand. One round trip, if it can be done in one."""
        plain = [each for each in transactions if is_plain(each)]
        seen = self._look_at_plain(plain, mark, shifted=shifted) if len(plain) > 1 else {}
        answers: list[Sequence[Seen]] = []
        for each in transactions:
            if each.name not in seen:
                seen[each.name] = self.play(each, shifted=shifted)
                self.roll_back(mark)
            answers.append(seen[each.name])
        return answers

    def _look_at_plain(
        self, transactions: Sequence[Transaction], mark: str, *, shifted: bool
    ) -> dict[str, Sequence[Seen]]:
        """By name; of those behind one that fails nothing is known."""
        for each in transactions:
            self._put(each, shifted=shifted)
            self.roll_back("txscope_replay")
            self._conversation.say("RELEASE txscope_replay")
        replies = self._conversation.answers()
        if self._session.failed:
            self.roll_back(mark)
        return _by_name(transactions, replies)

    def _put(self, transaction: Transaction, *, shifted: bool) -> None:
        self._conversation.say("SAVEPOINT txscope_replay")
        for sent in transaction.sent:
            if sent.step.ends is None:
                self._pin(_shift(sent.positions, shifted))
                self._conversation.put(sent.step.sql)

    def _pin(self, positions: Positions) -> None:
        for statement in self._room.pins(positions):
            self._conversation.say(statement)


class Apart:
    """The room is made anew for every order, and every session runs its own transactions."""

    def __init__(self, room: Room, variant: Variant, *, unlock: bool = False, shifted: bool = False) -> None:
        self._room, self._variant = room, variant
        #: advisory locks of a session end with its transaction, as if the client had gone
        self._unlock = unlock
        #: sequences stand elsewhere, and other backends answer
        self._shifted = shifted
        self._sessions: dict[str, SessionConnection] = {}

    def run(self, order: Sequence[Transaction], go_on: GoOn, also: Also = NOTHING_ELSE) -> Replay:
        self._room.renew()
        if self._shifted:
            self._room.open("elsewhere")
        self._sessions = {}
        saved = Saved(self._variant)
        answers: dict[str, list[Seen]] = {}
        told: Told = {}
        for transaction in order:
            session = self._session(transaction.session, transaction.isolation)
            player = Player(Conversation(self._room, session), saved, transaction, also, told)
            answers[transaction.name] = self._play(session, transaction, player)
            if not go_on(transaction, answers[transaction.name]):
                return Replay(names_of(order), answers, None)
        return Replay(names_of(order), answers, self._room.content(), told)

    def _pin(self, positions: Positions) -> None:
        # By somebody else: the transaction may be one that only reads, or its first statement must not be ours.
        if positions:
            self._room.set_sequences(positions)

    def _session(self, name: str, isolation: Isolation) -> SessionConnection:
        """The session, opened as it was in the run when it is needed first."""
        if name not in self._sessions:
            script, session = self._variant.session(name), self._room.open(name)
            conversation = Conversation(self._room, session)
            if script.autocommit:
                level = script.isolation or isolation
                conversation.say(self._room.defaults_sql(level, script.read_only, script.deferrable))
            conversation.answers()
            if script.setup:
                conversation.ask(script.setup)
            self._sessions[name] = session
        return self._sessions[name]

    def _play(self, session: SessionConnection, transaction: Transaction, player: Player) -> list[Seen]:
        script = self._variant.session(transaction.session)
        if not script.autocommit and not session.in_transaction:
            begin = self._room.begin_sql(transaction.isolation, script.read_only, script.deferrable)
            player.conversation.say(begin)
        for sent in transaction.sent:
            if sent.step.session != transaction.session:
                player.settle()
                other = self._session(sent.step.session, transaction.isolation)
                player.conversation = Conversation(self._room, other)
            player.send(sent, _shift(sent.positions, self._shifted), self._pin, ends=True)
            player.settle()
            if player.over:
                break
        own = Conversation(self._room, session)
        if session.in_transaction:
            # What no step has ended was ended by the session's teardown.
            own.ask(script.teardown if script.teardown and not player.over else "ROLLBACK")
        if session.in_transaction:
            own.ask("ROLLBACK")
        if self._unlock:
            own.ask("SELECT pg_catalog.pg_advisory_unlock_all()")
        return player.answers


def _by_name(transactions: Sequence[Transaction], replies: Iterable[Reply]) -> dict[str, Sequence[Seen]]:
    """What each plain transaction saw; of those behind one that fails nothing is known."""
    left = iter(replies)
    found: dict[str, Sequence[Seen]] = {}
    for each in transactions:
        seen: list[Seen] = []
        for sent in each.sent:
            reply = None if sent.step.ends else next(left, None)
            if reply is not None and reply.error is not None:
                found[each.name] = [*seen, seen_of(reply)]
                return found
            seen.append(sent.seen if reply is None else seen_of(reply))
        found[each.name] = seen
    return found


def names_of(order: Iterable[Transaction]) -> tuple[str, ...]:
    """The names of these transactions."""
    return tuple(each.name for each in order)


def _shift(positions: Positions, shifted: bool) -> Positions:
    if not shifted:
        return positions
    return tuple((name, (last or 0) + SHIFT * place) for place, (name, last) in enumerate(positions, 1))
