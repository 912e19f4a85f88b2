"""Why an order that gives something else may give the same all the same, and whether a statement wanted it so."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence

from simulator.i18n.text import Text
from simulator.model import Step, Variant
from simulator.verdict import places, words
from simulator.verdict.comparison import Difference, Rows, Weight, could_be, permuted
from simulator.verdict.orders import Order
from simulator.verdict.player import Also, Told
from simulator.verdict.transactions import Transaction
from simulator.verdict.types import Replayed

#: Asks queries before steps of an order, which is run for it.
Tell = Callable[[Order, Also], Told]


class Doubts:
    """What is known of the statements of a run that speaks against what its replay found."""

    def __init__(self, transactions: Sequence[Transaction], variant: Variant, setup: Sequence[str], tell: Tell) -> None:
        self._by_name = {each.name: each for each in transactions}
        self._variant, self._tell = variant, tell
        self._sql = {sent.step.key: sent.step.sql for each in transactions for sent in each.sent}
        texts = (*setup, *self._sql.values())
        self._throws, self._rounds = words.throws(texts), words.rounds_time(texts)
        self._keeps = any(words.outlives(sql) for each in transactions for sql in each.uncommitted)
        #: functions and views of the setup that act so
        self._placing = words.made(setup, lambda text: places.by_place(text) or bool(places.choices(text)))
        self._timing = words.made(setup, words.compares_time)
        self._unwilling = words.made(setup, words.unwilling)

    def about(self, found: Replayed) -> Text | None:
        """Why this order may give the same all the same; None where it surely does not."""
        if self._throws:
            return Text.of("Chance takes part: another throw may explain what was seen.")
        if any(map(words.leaves_remains, (step.sql for s in self._variant.sessions for step in s.steps))):
            return Text.of("A command that works outside of transactions may have left something behind.")
        if self._keeps:
            return Text.of(
                "A transaction that was not committed has left its session something, which was not done again."
            )
        told = [each for each in found.differences if each.weight is not Weight.UNKNOWN]
        if not told:
            return Text.of("What is reckoned from generated values, or a digest of them, is another one in each run.")
        if self._rounds and all(each.weight is Weight.NAMES for each in told):
            return Text.of("Time takes part: what is rounded to a second may be the same by chance.")
        different = [each for each in told if each.weight is not Weight.ORDER]
        if not different:
            return Text.of("The same rows came in another order, and what they are sorted by may be equal.")
        if self._by_time(found.order, different[0]):
            return Text.of("Time takes part: a statement asks how late it is, and a serial run is earlier or later.")
        if self._open_choice(found.order, different[0]):
            return Text.of(
                "The answer depends on the order in which the rows lie, and that is another one after a serial run."
            )
        return None

    def wishes(self, found: Replayed) -> tuple[str, ...]:
        """Steps that differ since they would rather do without than wait, where what differs begins with one."""
        differing = [each.step for each in found.differences if each.step is not None]
        wishing = tuple(step for step in differing if words.unwilling(self._sql[step], self._unwilling))
        return wishing if differing and differing[0] in wishing else ()

    def only_read(self, steps: Collection[str]) -> bool:
        """Whether all that these steps did shows in their answers."""
        return all(places.only_reads(self._sql[step]) for step in steps)

    def _by_time(self, order: Order, first: Difference) -> bool:
        """Whether, before it differs, the order comes to a statement that asks how late it is."""
        return any(
            first.step == step.key or not places.only_reads(step.sql)
            for step in self._until(order, first)
            if words.compares_time(step.sql) or words.calls(step.sql, self._timing)
        )

    def _open_choice(self, order: Order, first: Difference) -> bool:
        """Whether, before it differs, the order comes to a statement that takes rows by the place where they lie."""
        steps = self._until(order, first)
        if any(first.step == step.key and words.calls(step.sql, self._placing) for step in steps):
            return True
        by_place = (places.by_place, places.choices, places.numbers_ties)
        taking = [step for step in steps if any(holds(step.sql) for holds in by_place)]
        if not taking:
            return False
        also = {step.key: queries for step in taking if (queries := places.asked_for(step.sql))}
        told = self._tell(order, also) if also else {}
        return any(_chooses(step, told.get(step.key, ()), first) for step in taking)

    def _until(self, order: Order, first: Difference) -> list[Step]:
        """The order's steps up to and with the one that differs."""
        steps = [sent.step for name in order for sent in self._by_name[name].sent]
        keys = [step.key for step in steps]
        return steps[: keys.index(first.step) + 1] if first.step in keys else steps


def _chooses(step: Step, told: Sequence[Rows | None], first: Difference) -> bool:
    """Whether this statement may have taken other rows in this order and by that be what differs, or lead to it."""
    own = first.step == step.key
    reaches = own or not places.only_reads(step.sql)
    if places.by_place(step.sql):
        only_permutes = own and places.only_permutes(step.sql) and not places.choices(step.sql)
        return permuted(first) if only_permutes else reaches
    if places.numbers_ties(step.sql) and reaches and permuted(first):
        return True
    for choice, rows in itertools.zip_longest(places.choices(step.sql), told):
        # What cannot be asked is taken for what it says: sorted, it has nothing to choose.
        taken = not choice.ordered if rows is None else len(rows) > choice.most
        if not taken:
            continue
        if not choice.whole:
            return True
        if own:
            return rows is None or could_be(first, rows)
        if not places.only_reads(step.sql):
            return True
    return False
