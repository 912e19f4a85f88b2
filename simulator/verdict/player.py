"""A client's part in a transaction that is run again: what it sends, what it saves, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from simulator.engines.base import Positions
from simulator.engines.replies import Reply
from simulator.model import Scalar, Step, Variant
from simulator.scenarios.guard import evaluate
from simulator.sql.bind import names
from simulator.sql.words import statements
from simulator.verdict.comparison import Rows
from simulator.verdict.conversation import Conversation
from simulator.verdict.transactions import Seen, Sent, Transaction

#: By step: queries that are asked right before it; what they do is taken back.
Also = Mapping[str, tuple[str, ...]]
#: What they answered; None where one was refused.
Told = dict[str, tuple[Rows | None, ...]]
NOTHING_ELSE: Also = MappingProxyType({})

#: Puts sequences where they stood in the run, before the step that is sent next.
Pin = Callable[[Positions], None]


@dataclass(slots=True)
class Saved:
    """Values that steps have saved, by session: each session's client knows its own."""

    variant: Variant
    by_session: dict[str, dict[str, Scalar]] = field(default_factory=dict)

    def copied(self) -> Saved:
        """The same, that does not change with it."""
        return Saved(self.variant, {session: dict(known) for session, known in self.by_session.items()})

    def of(self, transaction: Transaction) -> dict[str, Scalar]:
        """What its client knows; what came from elsewhere it has again as it had it."""
        own, known = self.own(transaction), self.by_session.setdefault(transaction.session, {})
        known |= {name: value for name, value in transaction.known if name not in own}
        return known

    def own(self, transaction: Transaction) -> frozenset[str]:
        """Names under which its session's steps save what they see."""
        steps = self.variant.session(transaction.session).steps
        return frozenset(step.save for step in steps if step.save is not None)


class Player:
    """A client's part in one transaction: what it sends, what it sees, until a step fails other than it did."""

    def __init__(
        self,
        conversation: Conversation,
        saved: Saved,
        transaction: Transaction,
        also: Also,
        told: Told | None,
    ) -> None:
        #: with the session that the next step is sent on
        self.conversation = conversation
        self._also = also
        #: answers to those other queries, by step
        self._told = {} if told is None else told
        self._values = saved.of(transaction)
        #: names that the session saves by itself
        self._own = saved.own(transaction)
        self._waiting: list[Sent] = []
        self.answers: list[Seen] = []
        self.over = False

    def send(self, sent: Sent, positions: Positions, pin: Pin, *, ends: bool = False) -> None:
        """The step's turn; it is sent with the next ones where nothing has to be known before. `ends`: a COMMIT too."""
        step = sent.step
        bound = names(step.sql)
        committing = step.ends is not None and not ends
        alone = goes_alone(sent) or committing or step.key in self._also
        if alone:
            self.settle()
        if self.over:
            return
        self._values |= {name: value for name, value in sent.parameters if name not in self._own}
        if step.when is not None and not evaluate(step.when, self._values):
            self.answers.append(Seen(skipped=True))
        elif committing or sent.passed_over:
            # At a COMMIT nothing is checked here: what is checked late is not nested.
            self.answers.append(sent.seen)
            if sent.given and step.save is not None:
                self._values[step.save] = _first_of(sent.seen)
        else:
            if step.key in self._also and self.conversation.inside:
                self._ask_also(step)
            pin(positions)
            if alone:
                self._take(sent, self.conversation.ask(step.sql, {n: self._values[n] for n in bound}))
            else:
                self.conversation.put(step.sql)
                self._waiting.append(sent)

    def settle(self) -> None:
        """Send what waits to be sent, and see what comes."""
        waiting, self._waiting = self._waiting, []
        for sent, reply in zip(waiting, self.conversation.answers() if waiting else (), strict=False):
            self._take(sent, reply)

    def _ask_also(self, step: Step) -> None:
        answers = []
        for query in self._also[step.key]:
            self.conversation.say("SAVEPOINT txscope_also")
            reply = self.conversation.ask(query, {name: self._values[name] for name in names(query)})
            self.conversation.say("ROLLBACK TO txscope_also")
            self.conversation.say("RELEASE txscope_also")
            answers.append(reply.results[-1].rows if reply.error is None else None)
        self._told[step.key] = tuple(answers)

    def _take(self, sent: Sent, reply: Reply) -> None:
        seen = seen_of(reply)
        self.answers.append(seen)
        # An error that the run had too was met there by what follows: ROLLBACK TO a savepoint.
        self.over = self.over or (seen.sqlstate is not None and seen != sent.seen)
        if sent.step.save is not None and reply.error is None:
            self._values[sent.step.save] = _first(reply)


def goes_alone(sent: Sent) -> bool:
    """Whether something has to be known before it is sent, or known of it before the next one is."""
    # Where one of several has an error in its words, none of them is run; and what cannot be cut swallows the next.
    as_it_was = sent.seen.sqlstate is None and bool(statements(sent.step.sql))
    return bool(names(sent.step.sql)) or sent.step.when is not None or sent.passed_over or not as_it_was


def is_plain(transaction: Transaction) -> bool:
    """Whether its steps can be sent all at once, and nobody needs to know what they save."""
    return not any((goes_alone(sent) and not sent.step.ends) or sent.step.save for sent in transaction.sent)


def seen_of(reply: Reply) -> Seen:
    if reply.error is not None:
        return Seen(sqlstate=reply.error.sqlstate)
    return Seen(tuple(each.tag for each in reply.results), tuple(each.rows for each in reply.results))


def _first(reply: Reply) -> Scalar:
    last = reply.results[-1]
    if last.rows and last.rows[0]:
        return last.rows[0][0]
    return None if last.columns else last.count


def _first_of(seen: Seen) -> Scalar:
    return seen.rows[-1][0][0] if seen.rows and seen.rows[-1] and seen.rows[-1][0] else None
