"""What two runs of the same transactions differ in: what each client saw of each step, and what is stored at the end.

Rows are compared without their order. Values that the server generates (numbers of sequences, times, identifiers) may
be others in another run: they are found by running the same order twice, and what differs between those two runs is
generated (see `generated`). Generated values must be the same up to a renaming, one for all that is compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from simulator.engines.base import Relation
from simulator.model import Row, Scalar
from simulator.verdict.generated import Kind, Mask, Numbers, Pattern, Renaming, parts, patterns, plain
from simulator.verdict.places import by_place, choices, sorted_by_unseen, tells_place
from simulator.verdict.transactions import Seen, Sent, Transaction
from simulator.verdict.words import asks_server

#: What each client saw: for each transaction its steps in their order, up to one that failed other than it did.
Answers = Mapping[str, Sequence[Seen]]
Content = tuple[Relation, ...]
Rows = tuple[Row, ...]

UNKNOWN_NUMBERS = Numbers()

#: Rows that are tried where several could be meant.
MAX_TRIED = 20


class Weight(StrEnum):
    """What a difference proves."""

    #: the client saw, or the database holds, something else
    PLAIN = "plain"
    #: the same rows, sorted by something that is not in them: rows that are equal in it may come in any order
    ORDER = "order"
    #: what the answer is depends on the order in which rows lie
    PLACE = "place"
    #: the same but for which generated value it is
    NAMES = "names"
    #: nothing: it rests on a generated value that another run cannot tell
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one serial order gives instead. `step` None: it is stored in `relation`."""

    transaction: str | None
    step: str | None
    relation: str | None
    columns: tuple[str, ...]
    #: rows that only the serial order gives, and those that only the run gave
    serial: tuple[Row, ...]
    seen: tuple[Row, ...]
    #: tags or SQLSTATEs where not the rows differ
    serial_status: str = ""
    seen_status: str = ""
    weight: Weight = Weight.PLAIN


@dataclass(frozen=True, slots=True)
class Replay:
    """One order, really run: what its clients saw, and what was stored then; `content` None where it ended early."""

    order: tuple[str, ...]
    answers: Answers
    content: Content | None
    #: what was asked besides, by step; None where a question was refused
    told: dict[str, tuple[Rows | None, ...]] = field(default_factory=dict)


def differences(
    transactions: Sequence[Transaction],
    replay: Replay,
    content: Content | None,
    others: Sequence[Replay] = (),
    *,
    numbers: Numbers = UNKNOWN_NUMBERS,
) -> tuple[Difference, ...]:
    """What `replay` gives other than these transactions saw, and other than `content` (None: not compared).

    `others`: the same order, run again where generated values come out differently.
    """
    by_name = {each.name: each for each in transactions}
    matters: list[_Matter] = []
    for name in replay.order:
        answers = replay.answers.get(name)
        if answers is not None:
            again = [other.answers.get(name, ()) for other in others]
            matters += _of_transaction(by_name[name], answers, again, numbers=numbers)
    if content is not None and replay.content is not None:
        again_content = [other.content for other in others if other.content is not None]
        matters += _of_content(replay.content, content, again_content, numbers=numbers)
    return _settled(matters)


@dataclass(slots=True)
class _Matter:
    """One answer, or one relation, that has to be the same; where it fits, which of its rows are which is left open."""

    #: what it differs in, where it does
    difference: Difference
    differs: bool = True
    #: rows of the serial order that have generated parts, with those of the run that each may be
    open: list[_Alike] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Alike:
    """Rows of a serial order, and as many of the run, that are the same but for generated parts."""

    patterns: tuple[Pattern, ...]
    rows: tuple[Row, ...]


def _settled(matters: Sequence[_Matter]) -> tuple[Difference, ...]:
    """Find one naming of generated values for all that is left open; matters that contradict it differ, too.

    Rows that can only be one are named first. Where several could be meant and one is taken at will, a contradiction
    that comes later proves nothing.
    """
    renaming = Renaming()
    left = [(matter, alike) for matter in matters if not matter.differs for alike in matter.open]
    for matter, alike in left:
        if len(alike.rows) == 1:
            _settle(matter, alike.patterns[0], alike.rows[0], renaming, Weight.NAMES)
    at_will = False
    for matter, alike in left:
        if len(alike.rows) > 1:
            at_will = _pair(matter, alike, renaming, at_will=at_will)
    return tuple(matter.difference for matter in matters if matter.differs)


def _pair(matter: _Matter, alike: _Alike, renaming: Renaming, *, at_will: bool) -> bool:
    """Name these rows, those first of which something is known; whether now, or before, one was taken at will."""
    free, holding = Counter(alike.rows), defaultdict[tuple[Kind, Scalar], list[Row]](list)
    for row in dict.fromkeys(alike.rows):
        for name, value in alike.patterns[0].seen_in(row):
            holding[name.kind, value].append(row)
    for pattern in sorted(alike.patterns, key=lambda each: renaming.named(each.names) is None):
        known = renaming.named(pattern.names)
        if known is not None:
            possible = [row for row in holding[known] if free[row]]
        elif free[pattern.row]:
            # The same row, where there is one: numbers that come out alike are not to be mixed up.
            possible = [pattern.row]
        else:
            possible = [row for row in free if free[row]][:MAX_TRIED]
            at_will = at_will or len(possible) > 1
        weight = Weight.UNKNOWN if at_will else Weight.NAMES
        chosen = next((row for row in possible if renaming.bind(pattern.seen_in(row))), None)
        if chosen is None:
            _differs(matter, weight)
            return at_will
        free[chosen] -= 1
        _settle(matter, pattern, chosen, renaming, weight)
    return at_will


def _settle(matter: _Matter, pattern: Pattern, row: Row, renaming: Renaming, weight: Weight) -> None:
    if not renaming.bind(pattern.seen_in(row)):
        _differs(matter, weight)
    elif pattern.loose and plain(pattern.row) != plain(row):
        _differs(matter, Weight.UNKNOWN)


def _differs(matter: _Matter, weight: Weight) -> None:
    if matter.differs:
        return
    matter.differs = True
    if weight is Weight.UNKNOWN or matter.difference.weight is Weight.PLAIN:
        matter.difference = replace(matter.difference, weight=weight)


def could_be(difference: Difference, rows: Sequence[Row]) -> bool:
    """Whether what the run saw could have been chosen among these rows."""
    return len(difference.seen) == len(difference.serial) and not _without(difference.seen, rows)


def permuted(difference: Difference) -> bool:
    """Whether serial order and run gave the same parts, in another order."""
    serial, seen = (
        Counter(part for row in rows for v in row for part in parts(v) or plain((v,)))
        for rows in (difference.serial, difference.seen)
    )
    return serial == seen


def _of_transaction(
    transaction: Transaction, answers: Sequence[Seen], again: Sequence[Sequence[Seen]], *, numbers: Numbers
) -> Iterator[_Matter]:
    for place, (sent, serial) in enumerate(zip(transaction.sent, answers, strict=False)):
        if not asks_server(sent.step.sql):
            others = [each[place] for each in again if place < len(each)]
            yield from _of_step(transaction.name, sent, serial, others, numbers=numbers)


def _of_step(
    transaction: str, sent: Sent, serial: Seen, again: Sequence[Seen], *, numbers: Numbers
) -> Iterator[_Matter]:
    seen, sql = sent.seen, sent.step.sql

    def difference(serial_rows: tuple[Row, ...], seen_rows: tuple[Row, ...], weight: Weight) -> Difference:
        return Difference(
            transaction, sent.step.key, None, (), serial_rows, seen_rows, _status(serial), _status(seen), weight
        )

    place = Weight.PLACE if by_place(sql) or choices(sql) else Weight.PLAIN
    if (serial.sqlstate, serial.skipped, len(serial.rows)) != (seen.sqlstate, seen.skipped, len(seen.rows)):
        yield _Matter(difference(_last(serial), _last(seen), Weight.PLAIN))
        return
    for number, (expected, got) in enumerate(zip(serial.rows, seen.rows, strict=True)):
        others = [each.rows[number] for each in again if number < len(each.rows)]
        alike = _alike(expected, got, others, numbers=numbers, by_place=tells_place(sql))
        if alike is None:
            yield _Matter(difference(*_only(expected, got), place))
            return
        if not alike and sorted_by_unseen(sql) and list(map(plain, expected)) != list(map(plain, got)):
            yield _Matter(difference(expected, got, Weight.ORDER))
            return
        if alike:
            yield _Matter(difference(*_only(expected, got), place), differs=False, open=alike)
    if serial.tags != seen.tags:
        yield _Matter(difference((), (), Weight.PLAIN))


def _of_content(serial: Content, seen: Content, again: Sequence[Content], *, numbers: Numbers) -> Iterator[_Matter]:
    expected, got = ({each.name: each for each in content} for content in (serial, seen))
    for name in sorted({*expected, *got}):
        a, b = expected.get(name), got.get(name)
        columns = (a or b or Relation(name, "")).columns
        if a is None or b is None or (a.definition, a.whole) != (b.definition, b.whole):
            definitions = [each.definition if each else "" for each in (a, b)]
            yield _Matter(Difference(None, None, name, columns, (), (), definitions[0], definitions[1]))
            continue
        others = [each.rows for content in again for each in content if each.name == name]
        # Of a digest only this is known: whether it is the same.
        alike = _alike(a.rows, b.rows, others, numbers=numbers._replace(identify=numbers.identify and not a.digest))
        if a.count == b.count and alike == []:
            continue
        only = _only(a.rows, b.rows) if not (a.digest or b.digest) else ((), ())
        difference = Difference(None, None, name, columns, *only, str(a.count), str(b.count))
        yield _Matter(difference, differs=a.count != b.count or alike is None, open=alike or [])


def _alike(
    serial: Sequence[Row], seen: Sequence[Row], others: Sequence[Rows], *, numbers: Numbers, by_place: bool = False
) -> list[_Alike] | None:
    """Rows that are the same but for generated parts, where there are such parts; None where rows are others."""
    if len(serial) != len(seen):
        return None
    if not others:
        return [] if Counter(map(plain, serial)) == Counter(map(plain, seen)) else None
    by_masks: dict[tuple[Mask, ...], list[Pattern]] = defaultdict(list)
    for pattern in patterns(serial, others, numbers=numbers, by_place=by_place):
        by_masks[pattern.masks].append(pattern)
    left, found = list(seen), []
    # Rows that are known whole first: what is left over is for those that could be several.
    for own in sorted(by_masks.values(), key=lambda each: len(each[0].names)):
        rows: dict[tuple[object, ...], list[Row]] = defaultdict(list)
        for row in left:
            rows[own[0].skeleton_of(row)].append(row)
        of: dict[tuple[object, ...], list[Pattern]] = defaultdict(list)
        for pattern in own:
            of[pattern.skeleton].append(pattern)
        if any(len(rows[skeleton]) < len(alike) for skeleton, alike in of.items()):
            return None
        for skeleton, alike in of.items():
            taken, rows[skeleton] = rows[skeleton][: len(alike)], rows[skeleton][len(alike) :]
            if own[0].names:
                found.append(_Alike(tuple(alike), tuple(taken)))
        left = [row for rest in rows.values() for row in rest]
    return found


def _status(seen: Seen) -> str:
    if seen.skipped:
        return "skipped"
    return seen.sqlstate or "; ".join(seen.tags)


def _last(seen: Seen) -> tuple[Row, ...]:
    return seen.rows[-1] if seen.rows else ()


def _only(a: Sequence[Row], b: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Rows that only the first has, and those that only the second has."""
    return _without(a, b), _without(b, a)


def _without(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Row, ...]:
    left = Counter(map(plain, others))
    kept = []
    for row in rows:
        known = plain(row)
        if left[known]:
            left[known] -= 1
        else:
            kept.append(row)
    return tuple(kept)
