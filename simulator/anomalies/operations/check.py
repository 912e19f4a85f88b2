"""From transactions to a report: what was found, by name, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from simulator.anomalies.cycles import Circle, CycleClass, Kinds, worst_circles
from simulator.anomalies.explain import explain_circle
from simulator.anomalies.operations.conflicts import Conflict, Evidence, conflict_graph
from simulator.anomalies.operations.explain import Names, explain_conflict, explain_finding
from simulator.anomalies.operations.lists import Lists
from simulator.anomalies.operations.phenomena import SEVERITY
from simulator.anomalies.operations.read import entries, transactions
from simulator.anomalies.operations.registers import Registers
from simulator.anomalies.operations.types import Completion, Function, Occurrences, Report, Transaction
from simulator.anomalies.types import DependencyKind
from simulator.errors import HistoryError
from simulator.i18n.text import Text

#: Of each anomaly so many are told, of a long cycle so many edges.
EXAMPLES = 3
MOST_EDGES = 20

_CLASS_NAMES: Mapping[CycleClass, str] = {
    CycleClass.G0: "G0",
    CycleClass.G1C: "G1c",
    CycleClass.G_SINGLE: "G-single",
    CycleClass.G_NONADJACENT: "G-nonadjacent",
    CycleClass.G2: "G2-item",
}


def check_file(path: Path) -> Report:
    """The report on a file of operations. Raises HistoryError where it cannot be read, or its writes are not unique."""
    return check_transactions(transactions(entries(path)))


def check_transactions(given: Iterable[Transaction]) -> Report:
    """The report on these transactions; they are taken one by one. Raises HistoryError like `check_file`."""
    evidence, given = _evidence_for(iter(given))
    names: dict[int, str] = {}
    completions: list[Completion] = []
    for number, transaction in enumerate(given):
        evidence.add(transaction)
        names[number] = transaction.name
        completions.append(transaction.completion)
    if not names:
        raise HistoryError(
            Text.of(
                "There is no transaction in this history, such as {example}.", example='{"type": "ok", "value": []}'
            )
        )
    occurrences = (*_observed(evidence, names), *_cycles(evidence, names))
    unknown = [number for number, one in enumerate(completions) if one is Completion.INFO]
    return Report(
        evidence.data,
        committed=len(evidence.committed),
        failed=completions.count(Completion.FAIL),
        unknown=sum(number not in evidence.committed for number in unknown),
        unread=evidence.unread,
        anomalies=tuple(sorted(occurrences, key=lambda found: SEVERITY[found.name])),
    )


def _evidence_for(given: Iterator[Transaction]) -> tuple[Evidence, Iterator[Transaction]]:
    """What can take the data that the first telling operation works on; and all the transactions again."""
    passed: list[Transaction] = []
    for transaction in given:
        passed.append(transaction)
        for operation in transaction.operations:
            if operation.function is not Function.READ or operation.value is not None:
                lists = operation.function is Function.APPEND or isinstance(operation.value, list)
                return Lists() if lists else Registers(), chain(passed, given)
    return Lists(), iter(passed)


def _observed(evidence: Evidence, names: Names) -> Iterator[Occurrences]:
    """Anomalies that are no cycles."""
    counts: dict[str, int] = {}
    examples: dict[str, list[tuple[Text, ...]]] = {}
    for finding in evidence.findings():
        counts[finding.name] = counts.get(finding.name, 0) + 1
        if counts[finding.name] <= EXAMPLES:
            examples.setdefault(finding.name, []).append((explain_finding(finding, names),))
    yield from (Occurrences(name, count, tuple(examples[name])) for name, count in counts.items())


def _cycles(evidence: Evidence, names: Names) -> Iterator[Occurrences]:
    """Each tangle of transactions by its worst cycle; the shortest are told."""
    graph = conflict_graph(evidence.conflicts(), len(names))
    found: dict[str, list[Circle]] = {}
    for circle in sorted(worst_circles(graph), key=lambda circle: len(circle.nodes)):
        found.setdefault(_name(circle), []).append(circle)
    told = [circle for circles in found.values() for circle in circles[:EXAMPLES]]
    conflicts = _conflicts_of(told, evidence)
    for name, circles in found.items():
        examples = tuple(_told(circle, conflicts, evidence, names) for circle in circles[:EXAMPLES])
        yield Occurrences(name, len(circles), examples)


def _name(circle: Circle) -> str:
    if circle.cycle_class is CycleClass.G_NONADJACENT and len(circle.nodes) == 4:
        alternates = all(kinds & (Kinds.RW | Kinds.WR) for kinds in circle.kinds)
        return "long fork" if alternates else "G-nonadjacent"
    return _CLASS_NAMES[circle.cycle_class]


Hop = tuple[int, int]


def _hops(circle: Circle) -> Sequence[tuple[Hop, int]]:
    """The first of its edges, with their kinds."""
    hops = zip(circle.nodes, (*circle.nodes[1:], circle.nodes[0]), strict=True)
    return list(zip(hops, circle.kinds, strict=True))[:MOST_EDGES]


def _conflicts_of(circles: Iterable[Circle], evidence: Evidence) -> Mapping[tuple[Hop, DependencyKind], Conflict]:
    """One conflict of each kind for each edge that is told."""
    wanted: dict[int, set[int]] = {}
    for circle in circles:
        for (source, target), _ in _hops(circle):
            wanted.setdefault(source, set()).add(target)
    if not wanted:
        return {}
    found: dict[tuple[Hop, DependencyKind], Conflict] = {}
    for given in evidence.conflicts():
        if isinstance(given, Conflict):
            if given.target in wanted.get(given.source, ()):
                found.setdefault(((given.source, given.target), given.kind), given)
        else:
            for source in wanted.keys() & given.readers:
                for target in wanted[source] & given.writers.keys():
                    found.setdefault(((source, target), DependencyKind.RW), given.between(source, target))
    return found


def _told(
    circle: Circle, conflicts: Mapping[tuple[Hop, DependencyKind], Conflict], evidence: Evidence, names: Names
) -> tuple[Text, ...]:
    lines = [explain_circle(tuple(names[node] for node in circle.nodes[:MOST_EDGES]), len(circle.nodes))]
    for hop, kinds in _hops(circle):
        # A dependency that was read says more than one that was overwritten.
        told = (DependencyKind.WR, DependencyKind.WW, DependencyKind.RW)
        kind = next(kind for kind in told if kinds & Kinds[kind.name])
        lines.append(explain_conflict(conflicts[hop, kind], evidence.data, names))
    return tuple(lines)
