"""Verdicts in words: one sentence for each edge, one for each anomaly, one for a serial order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from simulator.anomalies.phenomena import BY_NAME, Phenomenon
from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Verdict
from simulator.i18n.text import N_, Text
from simulator.sql.values import brief

WW, WR, RW = DependencyKind.WW, DependencyKind.WR, DependencyKind.RW


def explain_verdict(verdict: Verdict) -> tuple[Text, ...]:
    """What the run came to in one sentence, then a sentence for each edge of each cycle."""
    if verdict.no_verdict is not None:
        return (Text.of("The graph cannot tell: {reason}", reason=verdict.no_verdict),)
    if verdict.anomalies:
        return tuple(line for anomaly in verdict.anomalies for line in explain_anomaly(anomaly))
    return (explain_order(verdict.serial_order or ()),)


def explain_anomaly(anomaly: Anomaly) -> tuple[Text, ...]:
    """Its name and what is impossible about it, then its edges."""
    headline = Text.of("{anomaly}: {sentence}", anomaly=title(anomaly.name), sentence=_impossible(anomaly))
    return (headline, *map(explain_edge, anomaly.cycle))


def title(name: str) -> Text:
    """`Lost update (P4)`."""
    return heading(BY_NAME[name])


def heading(row: Phenomenon) -> Text:
    """A row's title, with the literature's name where that is another."""
    shown = Text(row.title).capitalised()
    return shown if row.title == row.name else Text.of("{anomaly} ({name})", anomaly=shown, name=row.name)


def define(name: str) -> Text:
    """What the phenomenon of this name means, what wider ones it is a kind of, and where it is defined."""
    row = BY_NAME[name]
    sentence = (
        Text.of("{anomaly}: {meaning} Defined in: {source}.")
        if not row.kind_of
        else Text.of("{anomaly}: {meaning} It is a kind of {wider}. Defined in: {source}.")
    )
    return sentence.given(
        anomaly=title(name), meaning=Text(row.meaning), wider=", ".join(row.kind_of), source=row.citation
    )


def why(anomaly: Anomaly) -> Text:
    """What of one another the transactions did not see, in a few words."""
    return Text.joined(N_("; "), dict.fromkeys(map(_briefly, anomaly.cycle)))


def _briefly(edge: Dependency) -> Text:
    evidence = edge.evidence
    template = _BRIEFLY[edge.kind, evidence.created, evidence.deleted]
    return Text.of(template, source=edge.source, target=edge.target, row=evidence.subject)


def explain_order(order: tuple[str, ...]) -> Text:
    """In which serial order the same would have been seen."""
    if not order:
        return Text.of("Nothing was committed.")
    if len(order) == 1:
        return Text.of("Only {transaction} committed.", transaction=order[0])
    if len(order) == 2:
        return Text.of("As if {first} ran first, then {second}.", first=order[0], second=order[1])
    return Text.of("As if they ran one after the other: {order}.", order=", ".join(order))


def explain_circle(names: Sequence[str], length: int) -> Text:
    """What is impossible about a cycle of `length` transactions, of which the first are given."""
    if length == 2:
        text = Text.of(
            "{first} must come before {second}, and {second} before {first}: no serial order explains what was seen."
        )
        return text.given(first=names[0], second=names[1])
    text = Text.of(
        "each of {transactions} must come before the next, and the last before the first: no serial order does that."
    )
    return text.given(transactions=", ".join(names if len(names) == length else (*names, f"… ({length})")))


def explain_edge(edge: Dependency) -> Text:
    """What was seen, and which of the two must therefore come first."""
    evidence = edge.evidence
    template = _EDGES[edge.kind, edge.predicate, _shape(edge)]
    return Text.of(
        template,
        source=edge.source,
        target=edge.target,
        row=evidence.subject,
        predicate=evidence.item,
        column=evidence.column,
        before=brief(evidence.before),
        after=brief(evidence.after),
    )


def _impossible(anomaly: Anomaly) -> Text:
    names = anomaly.transactions
    if anomaly.name in _READS:
        edge = anomaly.cycle[0]
        return Text(_READS[anomaly.name]).given(reader=edge.target, writer=edge.source, row=edge.evidence.subject)
    return explain_circle(names, len(names))


def _shape(edge: Dependency) -> str:
    evidence = edge.evidence
    if edge.predicate:
        way = "entered" if evidence.entered else "left"
        if evidence.created or evidence.deleted:
            return f"{way} whole"
        return f"{way} same" if evidence.before == evidence.after else way
    if evidence.created or evidence.deleted:
        return "created" if evidence.created else "deleted"
    if edge.kind is WR:
        return "changed"
    return "same" if evidence.before == evidence.after else "changed"


_READS: Mapping[str, str] = MappingProxyType(
    {
        "G1a": N_("{reader} read {row} as {writer} had written it, and {writer} never committed."),
        "G1b": N_("{reader} read {row} as {writer} had written it, before {writer} was done with it."),
    }
)

_BRIEFLY: Mapping[tuple[DependencyKind, bool, bool], str] = MappingProxyType(
    {
        (WW, False, False): N_("{target} overwrote what {source} had written in {row}"),
        (WW, True, False): N_("{target} inserted {row} again, which {source} had deleted"),
        (WW, False, True): N_("{target} deleted {row}, which {source} had written"),
        (WR, False, False): N_("{target} saw what {source} wrote in {row}"),
        (WR, True, False): N_("{target} saw {row}, which {source} inserted"),
        (WR, False, True): N_("{target} saw that {source} had deleted {row}"),
        (RW, False, False): N_("{source} did not see what {target} wrote in {row}"),
        (RW, True, False): N_("{source} did not see {row}, which {target} inserted"),
        (RW, False, True): N_("{source} still saw {row}, which {target} deleted"),
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
        (WR, True, "entered same"): N_(
            "{target} asked for the rows of {predicate} and found {row}, which {source} had written: "
            "{source} must come before {target}."
        ),
        (WR, True, "entered whole"): N_(
            "{target} asked for the rows of {predicate} and found {row}, which {source} had inserted: "
            "{source} must come before {target}."
        ),
        (WR, True, "left"): N_(
            "{target} asked for the rows of {predicate} and no longer found {row}, whose {column} {source} had changed "
            "from {before} to {after}: {source} must come before {target}."
        ),
        (WR, True, "left same"): N_(
            "{target} asked for the rows of {predicate} and no longer found {row}, which {source} had written: "
            "{source} must come before {target}."
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
        (RW, True, "entered same"): N_(
            "{source} asked for the rows of {predicate} before {target} wrote {row}, so that it matches: "
            "{source} must come before {target}."
        ),
        (RW, True, "entered whole"): N_(
            "{source} asked for the rows of {predicate} and did not see {row}, which {target} inserted: "
            "{source} must come before {target}."
        ),
        (RW, True, "left"): N_(
            "{source} asked for the rows of {predicate} before {target} changed {column} of {row} from {before} to "
            "{after}, so that it no longer matches: {source} must come before {target}."
        ),
        (RW, True, "left same"): N_(
            "{source} asked for the rows of {predicate} before {target} wrote {row}, so that it no longer matches: "
            "{source} must come before {target}."
        ),
        (RW, True, "left whole"): N_(
            "{source} asked for the rows of {predicate} while {row} was still there, which {target} deleted: "
            "{source} must come before {target}."
        ),
    }
)
