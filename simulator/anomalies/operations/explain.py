"""What was found among operations, in words: a sentence for a finding, one for each edge of a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.anomalies.operations.conflicts import Conflict, Finding
from simulator.anomalies.operations.types import Data
from simulator.anomalies.types import DependencyKind
from simulator.i18n.text import N_, Text

WW, WR, RW = DependencyKind.WW, DependencyKind.WR, DependencyKind.RW

#: number of a transaction -> its name
Names = Mapping[int, str]


def explain_finding(finding: Finding, names: Names) -> Text:
    """What was seen of an anomaly that is no cycle."""
    values = dict(finding.values)
    for role, number in finding.transactions.items():
        values[role] = names[number]
    return Text(_FINDINGS[finding.name]).given(**values)


def explain_conflict(conflict: Conflict, data: Data, names: Names) -> Text:
    """What was seen, and which of the two must therefore come first."""
    first = conflict.kind is RW and conflict.before is None
    return Text(_CONFLICTS[data, conflict.kind, first]).given(
        source=names[conflict.source],
        target=names[conflict.target],
        key=conflict.key,
        before=conflict.before,
        after=conflict.after,
    )


def explain_inference(data: Data) -> Text:
    """What the conflicts rest on."""
    return Text(_INFERENCES[data])


_FINDINGS: Mapping[str, str] = MappingProxyType(
    {
        "G1a": N_("{reader} read {key} as {value}; {element} is from {writer}, which did not commit."),
        "G1b": N_("{reader} read {key} as {value}; {writer} wrote {element} there, and then something else."),
        "garbage read": N_("{reader} read {key} as {value}; nobody has written {element}."),
        "dirty update": N_("{reader} appended {later} to {key} after {element} of {writer}, which did not commit."),
        "duplicate element": N_("{reader} read {key} with {element} in it twice: {value}."),
        "lost element": N_("{reader} read {key} with {later} and without {element}, which {second} saw before it."),
        "incompatible order": N_(
            "{reader} read {key} as {value}, and {second} as {other}: neither is the beginning of the other."
        ),
        "P4": N_("{reader} and {second} both read {key} as {value}, and then both wrote it."),
        "OTV": N_("{reader} saw what {writer} wrote to {key}, and later did not see what it wrote to {other}."),
        "internal": N_("{reader} read {key} as {value}; after what it had done itself it should be {expected}."),
        "future read": N_("{reader} read {value} of {key} before it wrote that itself."),
        "cyclic versions": N_("Of the values {value} of {key} each was written by who had read another of them."),
    }
)

_CONFLICTS: Mapping[tuple[Data, DependencyKind, bool], str] = MappingProxyType(
    {
        (Data.LISTS, WW, False): N_(
            "{target} appended {after} to {key} after {before} of {source}: {source} must come before {target}."
        ),
        (Data.LISTS, WR, False): N_(
            "{target} read {key} up to {after}, which {source} had appended: {source} must come before {target}."
        ),
        (Data.LISTS, RW, False): N_(
            "{source} read {key} up to {before}, and {target} appended {after} after that: "
            "{source} must come before {target}."
        ),
        (Data.LISTS, RW, True): N_(
            "{source} read {key} when it was empty, and {target} appended {after}: {source} must come before {target}."
        ),
        (Data.REGISTERS, WR, False): N_(
            "{target} read {after} of {key}, which {source} had written: {source} must come before {target}."
        ),
        (Data.REGISTERS, RW, False): N_(
            "{source} read {before} of {key}, and {target} had read it, too, when it wrote {after}: "
            "{source} must come before {target}."
        ),
        (Data.REGISTERS, RW, True): N_(
            "{source} read {key} when nothing was written to it yet, and {target} wrote {after}: "
            "{source} must come before {target}."
        ),
    }
)

_INFERENCES: Mapping[Data, str] = MappingProxyType(
    {
        Data.LISTS: N_("The order of appends is the one in the lists that were read."),
        Data.REGISTERS: N_(
            "Of registers no more is inferred than this: a value comes before those who read it, and after the value "
            "that its writer had read; all come after nothing."
        ),
    }
)
