"""Verdicts in words: one sentence for each edge, one for each anomaly, one for a serial order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.anomalies.anomalies import BY_NAME
from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Verdict
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Scalar

WW, WR, RW = DependencyKind.WW, DependencyKind.WR, DependencyKind.RW


def explain_verdict(verdict: Verdict) -> tuple[str, ...]:
    """What the run came to in one sentence, then a sentence for each edge of each cycle."""
    if verdict.no_verdict is not None:
        return (_("No verdict. {reason}").format(reason=verdict.no_verdict),)
    if verdict.anomalies:
        return tuple(line for anomaly in verdict.anomalies for line in explain_anomaly(anomaly))
    return (explain_order(verdict.serial_order or ()),)


def explain_anomaly(anomaly: Anomaly) -> tuple[str, ...]:
    """Its name and what is impossible about it, then its edges."""
    headline = _("{anomaly}: {sentence}").format(anomaly=title(anomaly.name), sentence=_impossible(anomaly))
    return (headline, *map(explain_edge, anomaly.cycle))


def title(name: str) -> str:
    """`Lost update (P4)`, in the language in use."""
    text = _(BY_NAME[name].title)
    shown = text[:1].upper() + text[1:]
    return shown if BY_NAME[name].title == name else _("{anomaly} ({name})").format(anomaly=shown, name=name)


def explain_order(order: tuple[str, ...]) -> str:
    """In which serial order the same would have been seen."""
    if not order:
        return _("Nothing was committed.")
    if len(order) == 1:
        return _("Only {transaction} committed, so nothing could interfere.").format(transaction=order[0])
    if len(order) == 2:
        return _("As if {first} ran first, then {second}.").format(first=order[0], second=order[1])
    return _("As if they ran one after the other: {order}.").format(order=", ".join(order))


def explain_edge(edge: Dependency) -> str:
    """What was seen, and which of the two must therefore come first."""
    evidence = edge.evidence
    template = _EDGES[edge.kind, edge.predicate, _shape(edge)]
    return _(template).format(
        source=edge.source,
        target=edge.target,
        row=evidence.subject,
        predicate=evidence.item,
        column=evidence.column,
        before=_shown(evidence.before),
        after=_shown(evidence.after),
    )


def _impossible(anomaly: Anomaly) -> str:
    names = anomaly.transactions
    if anomaly.name in _READS:
        edge = anomaly.cycle[0]
        return _(_READS[anomaly.name]).format(reader=edge.target, writer=edge.source, row=edge.evidence.subject)
    if len(names) == 2:
        text = _(
            "{first} must come before {second}, and {second} before {first}: no serial order explains what was seen."
        )
        return text.format(first=names[0], second=names[1])
    text = _(
        "each of {transactions} must come before the next, and the last before the first: no serial order does that."
    )
    return text.format(transactions=", ".join(names))


def _shape(edge: Dependency) -> str:
    evidence = edge.evidence
    if edge.predicate:
        way = "entered" if evidence.entered else "left"
        return way if not (evidence.created or evidence.deleted) else f"{way} whole"
    if evidence.created or evidence.deleted:
        return "created" if evidence.created else "deleted"
    if edge.kind is WR:
        return "changed"
    return "same" if evidence.before == evidence.after else "changed"


def _shown(value: Scalar) -> str:
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "true", False: "false"}[value]
    return str(value)


_READS: Mapping[str, str] = MappingProxyType(
    {
        "G1a": N_("{reader} read {row} as {writer} had written it, and {writer} never committed."),
        "G1b": N_("{reader} read {row} as {writer} had written it, before {writer} was done with it."),
    }
)

_EDGES: Mapping[tuple[DependencyKind, bool, str], str] = MappingProxyType(
    {
        (WW, False, "changed"): N_(
            "{target} overwrote {column} {before} of {row}, which {source} had written, with {after}: "
            "{source} must come before {target}."
        ),
        (WW, False, "same"): N_("{target} wrote {row} after {source}: {source} must come before {target}."),
        (WW, False, "deleted"): N_(
            "{target} deleted {row}, which {source} had written: {source} must come before {target}."
        ),
        (WW, False, "created"): N_(
            "{target} inserted {row} again, which {source} had deleted: {source} must come before {target}."
        ),
        (WR, False, "changed"): N_(
            "{target} read {column} {after} of {row}, which {source} had written: {source} must come before {target}."
        ),
        (WR, False, "created"): N_(
            "{target} read {row}, which {source} had inserted: {source} must come before {target}."
        ),
        (WR, True, "entered"): N_(
            "{target} asked for the rows of {predicate} and found {row}, whose {column} {source} had changed from "
            "{before} to {after}: {source} must come before {target}."
        ),
        (WR, True, "entered whole"): N_(
            "{target} asked for the rows of {predicate} and found {row}, which {source} had inserted: "
            "{source} must come before {target}."
        ),
        (WR, True, "left"): N_(
            "{target} asked for the rows of {predicate} and no longer found {row}, whose {column} {source} had changed "
            "from {before} to {after}: {source} must come before {target}."
        ),
        (WR, True, "left whole"): N_(
            "{target} asked for the rows of {predicate} and no longer found {row}, which {source} had deleted: "
            "{source} must come before {target}."
        ),
        (RW, False, "changed"): N_(
            "{source} read {column} {before} of {row}, which {target} overwrote with {after}: "
            "{source} must come before {target}."
        ),
        (RW, False, "same"): N_("{source} read {row}, which {target} then wrote: {source} must come before {target}."),
        (RW, False, "deleted"): N_("{source} read {row}, which {target} deleted: {source} must come before {target}."),
        (RW, True, "entered"): N_(
            "{source} asked for the rows of {predicate} before {target} changed {column} of {row} from {before} to "
            "{after}, so that it matches: {source} must come before {target}."
        ),
        (RW, True, "entered whole"): N_(
            "{source} asked for the rows of {predicate} and did not see {row}, which {target} inserted: "
            "{source} must come before {target}."
        ),
        (RW, True, "left"): N_(
            "{source} asked for the rows of {predicate} before {target} changed {column} of {row} from {before} to "
            "{after}, so that it no longer matches: {source} must come before {target}."
        ),
        (RW, True, "left whole"): N_(
            "{source} asked for the rows of {predicate} while {row} was still there, which {target} deleted: "
            "{source} must come before {target}."
        ),
    }
)
