"""Values that the server generates, whole or as parts of a text, and their other names in another run.

What differs between two runs of the same order is generated. A text is cut into times, identifiers, numbers, words and
signs, and only those parts of it that differ count as generated. A generated part of a serial run stands for one part
of the run it is compared with, one to one; numbers of a sequence and times keep what they have in common besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import isnan
from typing import NamedTuple

from simulator.model import Row, Scalar

#: How far a second run's sequences stand ahead: the first one of the schema so far, the next one twice as far.
SHIFT = 1009
#: Sequences of one schema that are told apart by it.
MAX_SEQUENCES = 60


class Sort(StrEnum):
    """What a generated part is, where it is no number of a sequence."""

    TIME = "time"
    #: an identifier, or any word
    NAME = "name"
    #: made of generated values in a way that another run cannot tell
    LOOSE = "loose"
    #: where a row version lies, or who else runs: alike in every serial run, and another beside others
    NO_DATA = "no data"


#: Of a part of a value: None where it is the same in every run, the number of the sequence that gave it, or its sort.
Kind = int | Sort | None
#: The kinds of a value's parts; None where the value is the same in every run.
Mask = tuple[Kind, ...] | None

_TIME = r"\d{4,}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d(?::?\d\d)?|Z)?)?"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_CLOCK = r"\d\d:\d\d:\d\d(?:\.\d+)?"
_PART = re.compile(rf"{_UUID}|{_TIME}|{_CLOCK}|\d+(?:\.\d+)?(?![^\W_])|[^\W_]+|.", re.DOTALL)
_NUMBER = re.compile(r"\d+")
_MEASURE = re.compile(r"\d+(?:\.\d+)?")
#: No time of day, which is how an interval is written too, and no fraction.
_NAME = re.compile(rf"{_UUID}|{_TIME}|[^\W_]+")
#: Of a row version: its page, and its number there.
_PLACE = re.compile(r"\(\d+,\d+\)")
#: Of a snapshot: the oldest transaction that runs, the next one, and those that run between them.
_SNAPSHOT = re.compile(r"\d{3,}:\d{3,}:[\d,]*")

#: Rows of one statement that ask the clock may do so at the same moment, and in another run may not.
_AT_ONCE = timedelta(microseconds=20)
#: How far times may move apart that moved together between two runs.
_TOGETHER = timedelta(seconds=0.5)


class Numbers(NamedTuple):
    """What is known of numbers that differ between two runs."""

    #: those of no sequence are identifiers (processes, transactions), and nothing is reckoned from them
    identify: bool = False
    #: the highest number that each sequence has given in the run; None where that is not known
    highest: tuple[int, ...] | None = None


class Name(NamedTuple):
    """One generated part of a serial run's row."""

    kind: int | Sort
    value: Scalar
    #: of a time: by how much it moved in other runs; those reckoned from one moment move by the same
    moved: tuple[timedelta, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of a serial run, with what of it is generated."""

    row: Row
    masks: tuple[Mask, ...]
    names: tuple[Name, ...]

    @property
    def skeleton(self) -> tuple[object, ...]:
        """What another run's row must have in common with it."""
        return tuple(map(_skeleton, self.row, self.masks))

    def skeleton_of(self, row: Row) -> tuple[object, ...]:
        """The same of another row; equal to the pattern's own where that row fits it but for names."""
        return tuple(map(_skeleton, row, self.masks)) if len(row) == len(self.masks) else ()

    @property
    def loose(self) -> bool:
        """Whether nothing can be told by some part of it."""
        return any(name.kind is Sort.LOOSE for name in self.names)

    def seen_in(self, row: Row) -> Iterator[tuple[Name, Scalar]]:
        """Each generated part with what a row that fits has in its place."""
        values = (part for value, mask in zip(row, self.masks, strict=True) for _, part in _generated(value, mask))
        return zip(self.names, values, strict=True)


def patterns(
    rows: Sequence[Row], others: Sequence[Sequence[Row]], *, numbers: Numbers, by_place: bool = False
) -> tuple[Pattern, ...]:
    """The patterns of these rows, by other runs' rows of the same step or table; a row's place tells which it is.

    `by_place`: what looks like a `ctid` is one.
    """
    fitting = [other for other in others if [*map(len, other)] == [*map(len, rows)]]
    found = []
    for place, row in enumerate(rows):
        again = [other[place] for other in fitting]
        masks = tuple(
            _mask(value, [other[column] for other in again], numbers=numbers, by_place=by_place)
            for column, value in enumerate(row)
        )
        found.append(Pattern(row, masks, tuple(_names(row, masks, again))))
    return tuple(found)


@dataclass(slots=True)
class Renaming:
    """Names of generated values: those of a serial order -> those of the run, one to one."""

    to: dict[tuple[Kind, Scalar], Scalar] = field(default_factory=dict)
    back: dict[tuple[Kind, Scalar], Scalar] = field(default_factory=dict)
    #: of times that moved together: how far they are from those of the run
    offsets: dict[tuple[timedelta, ...], timedelta] = field(default_factory=dict)

    def bind(self, pairs: Iterable[tuple[Name, Scalar]]) -> bool:
        """Take these names on; False, and none is taken on, where one of them contradicts another or those before."""
        fresh = Renaming()
        for name, seen in pairs:
            if not (self._fits(name, seen) and fresh._fits(name, seen)):
                return False
            fresh._add(name, seen)
        # Of times that came at once the first one stays.
        self.to, self.back = fresh.to | self.to, fresh.back | self.back
        self.offsets = fresh.offsets | self.offsets
        return True

    def named(self, names: Iterable[Name]) -> tuple[Kind, Scalar] | None:
        """What one of these names stands for, with its kind; None where nothing is known of any."""
        keys = ((name.kind, name.value) for name in names)
        return next(((key[0], self.to[key]) for key in keys if key in self.to), None)

    def _fits(self, name: Name, seen: Scalar) -> bool:
        if name.kind in _NAMELESS:
            return True
        to, back = self.to.get((name.kind, name.value), seen), self.back.get((name.kind, seen), name.value)
        if name.kind is not Sort.TIME:
            return to == seen and back == name.value
        offset = _apart(name.value, seen)
        together = abs(self.offsets.get(name.moved, offset) - offset) <= _TOGETHER
        return together and abs(_apart(to, seen)) <= _AT_ONCE and abs(_apart(back, name.value)) <= _AT_ONCE

    def _add(self, name: Name, seen: Scalar) -> None:
        if name.kind not in _NAMELESS:
            self.to[name.kind, name.value], self.back[name.kind, seen] = seen, name.value
        if name.kind is Sort.TIME:
            self.offsets[name.moved] = _apart(name.value, seen)


_NAMELESS = (Sort.LOOSE, Sort.NO_DATA)


def same(a: Scalar, b: Scalar) -> bool:
    """Whether two values are the same to the server's client."""
    return plain((a,)) == plain((b,))


def plain(row: Row) -> tuple[object, ...]:
    """To Python 1 is True, and no NaN is another; a float's last digits depend on the order in which it is added up."""
    return tuple((isinstance(value, bool), _rounded(value) if isinstance(value, float) else value) for value in row)


def _rounded(value: float) -> float | str:
    return "NaN" if isnan(value) else float(f"{value:.15g}")


def _mask(value: Scalar, others: Sequence[Scalar], *, numbers: Numbers, by_place: bool) -> Mask:
    if by_place and isinstance(value, str) and _PLACE.fullmatch(value):
        return (Sort.NO_DATA,)
    if all(same(value, other) for other in others):
        return None
    if all(isinstance(each, str) and _SNAPSHOT.fullmatch(each) for each in (value, *others)):
        return (Sort.NO_DATA,)
    own, again = parts(value), [parts(other) for other in others]
    if not own or any(len(other) != len(own) for other in again):
        return (Sort.LOOSE,)
    return tuple(_kind(part, [other[place] for other in again], numbers=numbers) for place, part in enumerate(own))


def _kind(part: Scalar, others: Sequence[Scalar], *, numbers: Numbers) -> Kind:
    moved = [other for other in others if other != part]
    if not moved:
        return None
    if all(_time(each) is not None for each in (part, *others)):
        return Sort.TIME
    own = _number(part)
    sequences = {_sequence(own, _number(other), numbers.highest) for other in moved}
    if len(sequences) == 1 and len(moved) == len(others) and (sequence := sequences.pop()) is not None:
        return sequence
    if any(isinstance(each, str) and _NAME.fullmatch(each) is None for each in (part, *others)):
        return Sort.LOOSE
    measured = any(not isinstance(each, str) or _MEASURE.fullmatch(each) for each in (part, *others))
    return Sort.LOOSE if measured and not numbers.identify else Sort.NAME


def _sequence(number: int | None, other: int | None, highest: tuple[int, ...] | None) -> int | None:
    """Which sequence gave a number, by how far it moved; None where none did, or not that number."""
    if number is None or other is None:
        return None
    place, rest = divmod(other - number, SHIFT)
    if rest or not 0 < place <= MAX_SEQUENCES:
        return None
    given = highest is None or (place <= len(highest) and number <= highest[place - 1])
    return place if given else None


def _names(row: Row, masks: Sequence[Mask], again: Sequence[Row]) -> Iterator[Name]:
    for column, (value, mask) in enumerate(zip(row, masks, strict=True)):
        for place, part in _generated(value, mask):
            kind = (mask or ())[place]
            if kind is not None:
                others = [parts(other[column]) for other in again] if kind is Sort.TIME else []
                yield Name(kind, part, tuple(_apart(part, other[place]) for other in others))


def _generated(value: Scalar, mask: Mask) -> Iterator[tuple[int, Scalar]]:
    """The generated parts of a value, with their places; of numbers of a sequence the number."""
    if mask is None:
        return
    own = (value,) if len(mask) == 1 else parts(value)
    for place, kind in enumerate(mask):
        if kind is not None:
            yield place, _number(own[place]) if isinstance(kind, int) else own[place]


def _skeleton(value: Scalar, mask: Mask) -> object:
    if mask is None:
        return plain((value,))
    if value is None:
        return None
    if mask in ((Sort.LOOSE,), (Sort.NO_DATA,)):
        return mask
    own = parts(value)
    if len(own) != len(mask):
        return plain((value,))
    return tuple(kind if _may_be(part, kind) else part for part, kind in zip(own, mask, strict=True))


def _may_be(part: Scalar, kind: Kind) -> bool:
    match kind:
        case None:
            return False
        case Sort.TIME:
            return _time(part) is not None
        case Sort.NAME:
            return not isinstance(part, str) or _NAME.fullmatch(part) is not None
        case int():
            return _number(part) is not None
        case _:
            return True


def parts(value: Scalar) -> tuple[Scalar, ...]:
    """A text cut into parts, a whole number as it is; nothing of what cannot be cut."""
    if isinstance(value, str):
        return _cut(value)
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else ()


@lru_cache(maxsize=8192)
def _cut(text: str) -> tuple[str, ...]:
    return tuple(_PART.findall(text))


def _number(part: Scalar) -> int | None:
    if isinstance(part, str):
        return int(part) if _NUMBER.fullmatch(part) else None
    return part if isinstance(part, int) and not isinstance(part, bool) else None


@lru_cache(maxsize=8192)
def _time(part: Scalar) -> datetime | None:
    if not isinstance(part, str) or len(part) < len("2000-01-01"):
        return None
    try:
        found = datetime.fromisoformat(part)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _apart(a: Scalar, b: Scalar) -> timedelta:
    start, end = _time(a), _time(b)
    return end - start if start is not None and end is not None else timedelta()
