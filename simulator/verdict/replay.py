"""Serial replay: committed transactions are run one after another, in every order that could explain what was seen.

A history is serializable where some serial execution of its committed transactions gives every client what it saw and
leaves the same rows (Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database Systems", 1987,
chapter 2; view serializability, with the final state). No SQL is understood for that: the server itself answers.
Sessions keep their own order, for a client knows what it saw before; orders that the clock allows are tried first.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from simulator.engines.base import Positions, Room
from simulator.errors import EngineError, RunError, ScenarioError
from simulator.i18n.text import Text
from simulator.model import Variant
from simulator.verdict import words
from simulator.verdict.comparison import Content, Difference, Replay, Weight, differences
from simulator.verdict.conversation import NotReplayedError, StepWaits
from simulator.verdict.doubts import Doubts
from simulator.verdict.generated import Numbers
from simulator.verdict.loopholes import loopholes
from simulator.verdict.orders import Order, Search, serial_orders
from simulator.verdict.player import Also, Told
from simulator.verdict.stages import Apart, Nested, Stage, names_of
from simulator.verdict.transactions import Seen, Transaction, out_of_order
from simulator.verdict.types import Replayed, Serial

#: So many transactions: every order is run to its end, and the nearest is told. More: an order ends where it differs.
ALL_IN_FULL = 3
#: Orders of more transactions that are run to their end before the others are searched.
LIKELY = 2
#: Orders that are run, and seconds that they may take together.
MAX_ORDERS, MAX_SECONDS = 300, 4.0


def replay(
    room: Room,
    setup: Sequence[str],
    variant: Variant,
    transactions: Sequence[Transaction],
    content: Content,
    hint: Order,
    stand: Positions = (),
) -> Replayed:
    """Decide by running these transactions again in this room, which it makes anew.

    `content`: what the room held at the end of the run. `hint`: an order that somebody thinks explains it, or ().
    `stand`: where the sequences stood at the end of the run; nothing where that is not known.
    What cannot be decided is undecided, with the reason; nothing is raised for it.
    """
    started = time.monotonic()
    search = _Search(room, setup, variant, transactions, content, hint, stand)
    try:
        found = search.decide()
    except StepWaits:
        # A lock that a session keeps past its transaction: once more, as if each client had gone after it.
        search = _Search(room, setup, variant, transactions, content, hint, stand, unlock=True)
        found = _decided(search)
    except (RunError, EngineError, ScenarioError) as error:
        found = Replayed(Serial.UNDECIDED, reason=error.text)
    asked = {s.step.key: s.step.sql for each in transactions for s in each.sent if words.asks_server(s.step.sql)}
    not_compared = tuple(asked)
    mixed = [key for key in not_compared if not words.asks_only_server(asked[key])]
    if mixed and found.serial is Serial.YES:
        reason = Text.of("{steps} ask the server about itself and read rows at once.", steps=", ".join(mixed))
        found = Replayed(Serial.UNDECIDED, reason=reason)
    left_out = tuple(s.step.key for each in transactions for s in each.sent if s.refused)
    elapsed = int((time.monotonic() - started) * 1e9)
    return replace(found, not_compared=not_compared, left_out=left_out, orders=search.orders, elapsed_ns=elapsed)


def _decided(search: _Search) -> Replayed:
    try:
        return search.decide()
    except (RunError, EngineError, ScenarioError) as error:
        return Replayed(Serial.UNDECIDED, reason=error.text)


class _Search:
    """One decision while it is made."""

    def __init__(
        self,
        room: Room,
        setup: Sequence[str],
        variant: Variant,
        transactions: Sequence[Transaction],
        content: Content,
        hint: Order,
        stand: Positions,
        *,
        unlock: bool = False,
    ) -> None:
        self._room, self._setup, self._variant = room, tuple(setup), variant
        self._transactions, self._content, self._hint = tuple(transactions), content, hint
        self._unlock, self._stand = unlock, stand
        steps = tuple(sent.step.sql for each in transactions for sent in each.sent)
        inside = (sent.step.sql for each in transactions for sent in each.sent if not sent.step.ends)
        plain = not any(each.setup or each.teardown or each.read_only for each in variant.sessions)
        self._nested = not unlock and plain and words.nestable(setup, inside)
        texts = (*setup, *steps)
        self._by_name = {each.name: each for each in self._transactions}
        self._generates, self._generates_more = words.generates(texts), words.generates_more(texts)
        self._throws = words.throws(texts)
        self._numbers = Numbers(words.identifies(texts), _highest(transactions, stand))
        self._doubts = Doubts(self._transactions, variant, self._setup, self._told)
        self._large_objects = words.keeps_large_objects((*words.setup_bodies(setup), *steps))
        self._rounds = words.rounds_time(texts)
        self._until = min(room.deadline, time.monotonic() + MAX_SECONDS)
        self._stage: Stage | None = None
        self.orders = 0

    def decide(self) -> Replayed:
        """Whether some order gives the same. Raises NotReplayedError, NotObservedError, RunError, EngineError."""
        if any(sent.cut for each in self._transactions for sent in each.sent):
            return Replayed(
                Serial.UNDECIDED, reason=Text.of("An answer was too large to be kept, so it cannot be compared.")
            )
        if self._large_objects:
            reason = Text.of("Large objects take part, which are stored outside of the schema and were not compared.")
            return Replayed(Serial.UNDECIDED, reason=reason)
        if len(self._transactions) <= ALL_IN_FULL:
            return self._all_in_full()
        return self._search()

    def _all_in_full(self) -> Replayed:
        tried = []
        for order in serial_orders(self._transactions, self._hint):
            tried.append(self._try(order))
            if tried[-1].serial is Serial.YES:
                return tried[-1]
        return self._concluded(tried)

    def _search(self) -> Replayed:
        likely = list(itertools.islice(serial_orders(self._transactions, self._hint), LIKELY))
        tried = [self._try(likely[0])]
        if tried[0].serial is Serial.YES:
            return tried[0]
        if self._nested and not self._generates_more:
            return self._depth_first(tried, likely)
        return self._one_by_one(tried[0])

    def _depth_first(self, tried: list[Replayed], likely: Sequence[tuple[Transaction, ...]]) -> Replayed:
        search = Search(self._nested_stage(), self._content, self._generates, self._in_time)
        by_other_names = []
        for order, exact in search.orders(self._transactions, self._hint):
            if exact:
                return self._yes(order)
            by_other_names.append(order)
        for order in (*by_other_names, *likely[1:]):
            tried.append(self._try(order))
            if tried[-1].serial is Serial.YES:
                return tried[-1]
        return self._concluded(tried)

    def _one_by_one(self, nearest: Replayed) -> Replayed:
        """Every order until it differs; orders that begin like one that differed are left out."""
        tried = [nearest]
        dead: set[tuple[str, ...]] = {nearest.order[: self._first_wrong(nearest) + 1]}
        for order in serial_orders(self._transactions, self._hint):
            names = names_of(order)
            if any(names[:length] in dead for length in range(1, len(names) + 1)):
                continue
            found = self._try(order, whole=self._generates)
            if found.serial is Serial.YES:
                return found
            dead.add(found.order[: self._first_wrong(found) + 1])
            if self._generates:
                tried.append(found)
        return self._concluded(tried)

    def _first_wrong(self, found: Replayed) -> int:
        """The place of the first transaction that saw something else."""
        wrong = {each.transaction for each in found.differences if each.weight is not Weight.UNKNOWN}
        return next((place for place, name in enumerate(found.order) if name in wrong), len(found.order) - 1)

    def _try(self, order: tuple[Transaction, ...], *, whole: bool = True) -> Replayed:
        self._count()

        def go_on(transaction: Transaction, answers: Sequence[Seen]) -> bool:
            one = Replay((transaction.name,), {transaction.name: answers}, None)
            return whole or not differences([transaction], one, None)

        first = self._stage_for().run(order, go_on)
        different = differences(self._transactions, first, self._content)
        if different and self._generates:
            others = self._again(order)
            different = self._differences(first, others)
            if different and self._rounds:
                # What is rounded to seconds differs between two runs of different seconds.
                _until_next_second()
                others += self._again(order)
                different = self._differences(first, others)
        if not different and first.content is not None:
            return self._yes(order)
        return Replayed(Serial.NO, names_of(order), different)

    def _differences(self, first: Replay, others: Sequence[Replay]) -> tuple[Difference, ...]:
        return differences(self._transactions, first, self._content, others, numbers=self._numbers)

    def _again(self, order: tuple[Transaction, ...]) -> list[Replay]:
        """The same order where sequences, times, backends and chance are others."""
        elsewhere = Apart(self._room, self._variant, unlock=self._unlock, shifted=True)
        if self._nested:
            self._stage = None  # the room is made anew under it
        return [elsewhere.run(order, lambda transaction, answers: True) for _ in range(3 if self._throws else 1)]

    def _yes(self, order: tuple[Transaction, ...]) -> Replayed:
        clock = tuple((a.name, b.name) for a, b in out_of_order(order))
        return Replayed(Serial.YES, names_of(order), against_clock=clock)

    def _concluded(self, tried: Sequence[Replayed]) -> Replayed:
        """No order gives the same: whose doing is it?"""
        nearest = min(tried, key=_distance)
        for each in (nearest, *tried):
            doubt = self._doubts.about(each)
            if doubt is not None:
                return replace(each, serial=Serial.UNDECIDED, reason=doubt)
        wishes = self._doubts.wishes(nearest)
        if not wishes:
            sent = [each for transaction in self._transactions for each in transaction.sent]
            # Every order counts: what makes one impossible may be nothing that the nearest differs in.
            everywhere = [each for order in tried for each in order.differences]
            return replace(nearest, loopholes=tuple(loopholes(sent, everywhere, self._content, self._setup)))
        if not self._doubts.only_read(wishes):
            reason = Text.of(
                "A statement that would rather do without than wait wrote something, and cannot be left out."
            )
            return replace(nearest, serial=Serial.UNDECIDED, reason=reason)
        without = self._without(wishes)
        return replace(nearest, serial=Serial.BY_DESIGN) if without.serial is Serial.YES else without

    def _without(self, wishes: Collection[str]) -> Replayed:
        """The same, where these steps are not sent: their clients are told what they were told in the run."""
        transactions = [
            replace(each, sent=tuple(replace(s, given=s.given or s.step.key in wishes) for s in each.sent))
            for each in self._transactions
        ]
        search = _Search(
            self._room,
            self._setup,
            self._variant,
            transactions,
            self._content,
            self._hint,
            self._stand,
            unlock=self._unlock,
        )
        found = search.decide()
        self.orders += search.orders
        return found

    def _told(self, order: Order, also: Also) -> Told:
        """What is asked besides, in this order."""
        played = tuple(self._by_name[name] for name in order)
        return self._stage_for().run(played, lambda transaction, answers: True, also).told

    def _stage_for(self) -> Stage:
        if self._stage is None:
            self._stage = (
                self._nested_stage() if self._nested else Apart(self._room, self._variant, unlock=self._unlock)
            )
        return self._stage

    def _nested_stage(self) -> Nested:
        if isinstance(self._stage, Nested):
            return self._stage
        self._room.renew()
        self._stage = Nested(self._room, self._variant, self._room.open("replay"))
        return self._stage

    def _count(self) -> None:
        self.orders += 1
        if self.orders > MAX_ORDERS:
            raise NotReplayedError(_too_many())
        self._in_time()

    def _in_time(self) -> None:
        if time.monotonic() > self._until:
            raise NotReplayedError(_too_many())


def _highest(transactions: Sequence[Transaction], stand: Positions) -> tuple[int, ...] | None:
    """The highest number that each sequence was seen to have given; 0 where none."""
    seen = [stand, *(sent.positions for each in transactions for sent in each.sent if sent.positions)]
    if any(len(each) != len(stand) for each in seen):
        return None
    return tuple(max(last or 0 for _name, last in of_one) for of_one in zip(*seen, strict=True)) if stand else None


def _until_next_second() -> None:
    threading.Event().wait(1.01 - time.time() % 1)


def _too_many() -> Text:
    return Text.of("There are too many orders to run every one of them.")


def _distance(found: Replayed) -> int:
    return len(found.differences)
