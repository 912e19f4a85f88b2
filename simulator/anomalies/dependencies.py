"""Adya's direct conflicts between committed transactions, each with what was seen of it.

Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions" (ICDE 2000), definitions 2 to 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from simulator.anomalies.types import Dependency, DependencyKind, Evidence
from simulator.anomalies.versions import SETUP, Change, Item, Observations, PredicateRead, Read, Version


def dependencies(observations: Observations) -> tuple[Dependency, ...]:
    """ww, then wr, then rw; each conflict once for each pair of steps that it was seen between."""
    following, previous = _neighbours(observations.versions)
    found = [
        *_write_write(observations.versions),
        *(_write_read(read, previous) for read in observations.reads if read.version.final),
        *(d for read in observations.predicate_reads for change in read.seen for d in _seen(read, change)),
        *(dependency for read in observations.reads for dependency in _read_write(read, following)),
        *(d for read in observations.predicate_reads for change in read.missed for d in _missed(read, change)),
    ]
    committed = frozenset(observations.committed)
    return tuple(dict.fromkeys(d for d in found if d.source != d.target and {d.source, d.target} <= committed))


def dirty_reads(observations: Observations) -> Iterator[tuple[str, Dependency]]:
    """Reads of versions that were never committed (G1a) or that their writer overwrote (G1b), with the wr conflict."""
    committed = frozenset(observations.committed)
    for read in observations.reads:
        writer = read.version.writer
        if writer not in (SETUP, read.transaction) and (writer not in committed or not read.version.final):
            yield ("G1b" if writer in committed else "G1a"), _write_read(read, {})


def _neighbours(
    versions: Mapping[Item, tuple[Version, ...]],
) -> tuple[Mapping[tuple[Item, str], Version], Mapping[tuple[Item, str], Version]]:
    """For each item and writer the next version in the item's order, and the one before."""
    pairs = [(item, before, after) for item, order in versions.items() for before, after in pairwise(order)]
    return (
        {(item, before.writer): after for item, before, after in pairs},
        {(item, after.writer): before for item, before, after in pairs},
    )


def _write_write(versions: Mapping[Item, tuple[Version, ...]]) -> Iterator[Dependency]:
    for item, order in versions.items():
        for before, after in pairwise(order):
            if before.writer != SETUP:
                evidence = _evidence(str(item), before, after, before.last_step, after.first_step)
                yield Dependency(before.writer, after.writer, DependencyKind.WW, evidence)


def _write_read(read: Read, previous: Mapping[tuple[Item, str], Version]) -> Dependency:
    version = read.version
    before = previous.get((version.item, version.writer))
    inserted = before is not None and not before.exists
    asked = read.columns or version.columns
    changed = [column for column in asked if before is None or before.value(column) != version.value(column)]
    column = None if inserted else next(iter((*changed, *asked)), None)
    evidence = Evidence(
        str(version.item),
        column,
        after=version.value(column) if column else None,
        source_step=version.last_step,
        target_step=read.step,
        created=inserted,
    )
    return Dependency(version.writer, read.transaction, DependencyKind.WR, evidence)


def _read_write(read: Read, following: Mapping[tuple[Item, str], Version]) -> Iterator[Dependency]:
    after = following.get((read.version.item, read.version.writer))
    if after is not None and read.version.final:
        evidence = _evidence(str(read.version.item), read.version, after, read.step, after.first_step, read.columns)
        yield Dependency(read.transaction, after.writer, DependencyKind.RW, evidence)


def _seen(read: PredicateRead, change: Change) -> Iterator[Dependency]:
    if change.after.writer != SETUP:
        evidence = _predicate_evidence(read, change, change.after.last_step, read.step or None)
        yield Dependency(change.after.writer, read.transaction, DependencyKind.WR, evidence, predicate=True)


def _missed(read: PredicateRead, change: Change) -> Iterator[Dependency]:
    evidence = _predicate_evidence(read, change, read.step, change.after.first_step)
    yield Dependency(read.transaction, change.after.writer, DependencyKind.RW, evidence, predicate=True)


def _evidence(
    item: str,
    before: Version,
    after: Version,
    source_step: str | None,
    target_step: str | None,
    columns: tuple[str, ...] = (),
) -> Evidence:
    """With the column that differs, one that was asked for if possible."""
    column = _changed_column(before, after, columns)
    return Evidence(
        item,
        column,
        before.value(column) if column else None,
        after.value(column) if column else None,
        source_step,
        target_step,
        created=not before.exists,
        deleted=not after.exists,
    )


def _predicate_evidence(
    read: PredicateRead, change: Change, source_step: str | None, target_step: str | None
) -> Evidence:
    column = _changed_column(change.before, change.after, ())
    return Evidence(
        read.predicate,
        column,
        change.before.value(column) if column else None,
        change.after.value(column) if column else None,
        source_step,
        target_step,
        row=str(change.after.item),
        created=not change.before.exists,
        deleted=not change.after.exists,
        entered=change.entered,
    )


def _changed_column(before: Version, after: Version, columns: tuple[str, ...]) -> str | None:
    """The first column that differs, or that at least was written; None where the row came or went."""
    if not (before.exists and after.exists):
        return None
    changed = [column for column in after.columns if before.value(column) != after.value(column)]
    asked = [column for column in changed if column in columns]
    return next(iter(asked or changed or columns or after.columns), None)
