"""Anomalies of lists that are no cycles: elements that should not be there, orders that do not fit, lost updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulator.anomalies.operations.appends import Read
from simulator.anomalies.operations.conflicts import Finding
from simulator.anomalies.operations.types import Completion, Name, shown
from simulator.anomalies.operations.versions import Versions


def unclean(versions: Versions, completions: Sequence[Completion]) -> Iterator[Finding]:
    """G1a, G1b, dirty updates, and elements that nobody appended."""
    key, lists = versions.key, versions.key.branches.lists
    aborted = [_first_aborted(versions, completions, elements) for elements in lists]
    unknown: set[Name] = set()
    for read in key.reads:
        place = aborted[read.branch]
        if place is not None and place < read.length:
            yield _of_element("G1a", versions, read, lists[read.branch][place])
        last = versions.last(read)
        if last is not None and last in key.intermediate and key.writers[last] != read.reader:
            yield _of_element("G1b", versions, read, last)
    for read in _longest(versions).values():
        for element in lists[read.branch]:
            if element not in key.writers and element not in unknown:
                unknown.add(element)
                yield _of_element("garbage read", versions, read, element)
    yield from _dirty_updates(versions, completions)


def disorder(versions: Versions) -> Iterator[Finding]:
    """Elements that are in a list twice, lists of which none begins with the other, elements that one of them lost."""
    key = versions.key
    longest = _longest(versions)
    yield from _duplicates(versions, longest)
    lost: set[Name] = set()
    for number, read in longest.items():
        if number == versions.trunk:
            continue
        trunk = longest[versions.trunk]
        value, other = (
            shown(key.branches.lists[one.branch], max(0, versions.shared[number] - 2)) for one in (read, trunk)
        )
        readers = {"reader": read.reader, "second": trunk.reader}
        yield Finding("incompatible order", readers, {"key": key.name, "value": value, "other": other})
        for knowing, lacking in ((trunk, read), (read, trunk)):
            for element, later in _missing(versions, knowing, lacking):
                if element not in lost:
                    lost.add(element)
                    readers = {"reader": lacking.reader, "second": knowing.reader}
                    yield Finding("lost element", readers, {"key": key.name, "element": element, "later": later})


def _duplicates(versions: Versions, longest: Mapping[int, Read]) -> Iterator[Finding]:
    twice: set[Name] = set()
    for number, read in longest.items():
        seen: set[Name] = set()
        for element in versions.key.branches.lists[number]:
            if element in seen and element not in twice:
                twice.add(element)
                yield _of_element("duplicate element", versions, read, element)
            seen.add(element)


def _missing(versions: Versions, knowing: Read, lacking: Read) -> Iterator[tuple[Name, Name]]:
    """Committed elements of one list that the other lacks although it has what came later, with the last such."""
    known, there = (versions.key.branches.lists[read.branch] for read in (knowing, lacking))
    having = set(there)
    last = max((place for place, element in enumerate(known) if element in having), default=0)
    for element in known[:last]:
        if element not in having and versions.key.writers.get(element) in versions.committed:
            yield element, known[last]


def lost_updates(versions: Versions) -> Iterator[Finding]:
    """P4: several transactions read one and the same version, and all of them appended to it."""
    groups: dict[tuple[int, int], list[int]] = {}
    for read in versions.key.updates:
        if read.reader in versions.committed:
            branch = versions.trunk if versions.on_trunk(read) else read.branch
            groups.setdefault((branch, read.length), []).append(read.reader)
    for (branch, length), readers in groups.items():
        if len(readers) > 1:
            value = shown(versions.key.branches.lists[branch][:length])
            first_two = {"reader": readers[0], "second": readers[1]}
            yield Finding("P4", first_two, {"key": versions.key.name, "value": value})


def vanished(keys: Mapping[Name, Versions]) -> Iterator[Finding]:
    """OTV: a transaction saw another's append, and later a list of another key without what that one appended to it."""
    reads: dict[int, list[tuple[int, Versions, Read]]] = {}
    for versions in keys.values():
        for read in versions.key.reads:
            reads.setdefault(read.reader, []).append((read.place, versions, read))
    for reader, own in reads.items():
        own.sort(key=lambda one: one[0])
        seen: list[tuple[int, Versions]] = []
        for _, versions, read in own:
            for writer, saw in seen:
                if saw is not versions and versions.lacks(read, writer):
                    names = {"key": saw.key.name, "other": versions.key.name}
                    yield Finding("OTV", {"reader": reader, "writer": writer}, names)
            writer_of_this = versions.writer_of(read)
            if writer_of_this is not None and writer_of_this != reader:
                seen.append((writer_of_this, versions))


def _longest(versions: Versions) -> Mapping[int, Read]:
    """For each branch, the first read of all of it."""
    longest: dict[int, Read] = {}
    for read in versions.key.reads:
        if read.branch not in longest or read.length > longest[read.branch].length:
            longest[read.branch] = read
    return longest


def _first_aborted(versions: Versions, completions: Sequence[Completion], elements: Sequence[Name]) -> int | None:
    writers = versions.key.writers
    return next(
        (
            place
            for place, element in enumerate(elements)
            if element in writers and completions[writers[element]] is Completion.FAIL
        ),
        None,
    )


def _dirty_updates(versions: Versions, completions: Sequence[Completion]) -> Iterator[Finding]:
    """A committed transaction appended to what one that was rolled back had left."""
    key = versions.key
    aborted: Name | None = None
    for element in key.branches.lists[versions.trunk] if key.branches.lists else ():
        writer = key.writers.get(element)
        if writer is None:
            continue
        if completions[writer] is Completion.FAIL:
            aborted = element
        elif aborted is not None and completions[writer] is Completion.OK:
            both = {"reader": writer, "writer": key.writers[aborted]}
            yield Finding("dirty update", both, {"key": key.name, "element": aborted, "later": element})
            aborted = None


def _of_element(name: str, versions: Versions, read: Read, element: Name) -> Finding:
    value = shown(versions.key.branches.lists[read.branch][: read.length])
    values = {"key": versions.key.name, "value": value, "element": element}
    writer = versions.key.writers.get(element)
    return Finding(name, {"reader": read.reader} | ({} if writer is None else {"writer": writer}), values)
