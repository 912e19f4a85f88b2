"""What was found in a history, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.findings import Finding, Severity
from simulator.findings.finding import SEVERITIES
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.traces.critical import duration
from simulator.traces.spans import Trace

#: Names of requests that are told of one finding.
_NAMED = 6
_TITLES = {mistake.key: mistake.title for mistake in MISTAKES}


def findings_json(trace: Trace, found: Sequence[Finding]) -> dict[str, Any]:
    """The worst first. `evidence` are the `seq`s of the events that begin what shows it; texts are English."""
    return {
        "format": "txscope-findings",
        "version": 1,
        "requests": len(trace.requests),
        "statements": sum(len(request.statements) for request in trace.groups),
        "duration_ms": round(trace.duration_ms, 3),
        "findings": [_plain(finding) for finding in found],
    }


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "title": finding.title,
        "said": finding.said.english(),
        "times": finding.times,
        "line": finding.line,
        "requests": list(finding.requests),
        "evidence": list(finding.evidence),
        "cost": finding.cost.english(),
        "costs": {unit.value: round(amount, 3) for unit, amount in finding.costs},
        "cure": finding.cure,
        "source": finding.source,
        "mistake": finding.mistake,
        "mistake_title": _TITLES.get(finding.mistake, ""),
        "scenario": finding.scenario,
    }


def findings_text(trace: Trace, found: Sequence[Finding]) -> str:
    """In words, in the language of the terminal."""
    requests = len(trace.requests)
    statements = sum(len(request.statements) for request in trace.groups)
    told = [
        ngettext("{n} request", "{n} requests", requests).format(n=requests),
        ngettext("{n} statement", "{n} statements", statements).format(n=statements),
        duration(trace.duration_ms),
    ]
    head = ", ".join(told)
    if not found:
        nothing = _("Nothing was found, which is no proof that nothing is wrong: the rules see what was recorded.")
        return f"{head}\n\n{nothing}"
    parts = ["\n".join(_lines(number, finding)) for number, finding in enumerate(found, start=1)]
    return "\n\n".join([head, *parts])


def _lines(number: int, finding: Finding) -> Iterator[str]:
    yield f"{number}. {_(SEVERITIES[finding.severity])}: {_(finding.title)}"
    yield f"   {finding.said}"
    if finding.times > 1:
        names = ", ".join(filter(None, finding.requests[:_NAMED]))
        more = ", …" if len(finding.requests) > _NAMED else ""
        yield "   " + _("{times} times in all: {requests}").format(times=finding.times, requests=names + more)
    facts = (
        (_("Line of code"), finding.line),
        (_("Cost"), str(finding.cost)),
        (_("Cure"), _(finding.cure)),
        (_("Demonstration"), _shown_by(finding)),
        (_("Source"), finding.source),
    )
    yield from (f"   {name}: {text}" for name, text in facts if text)


def _shown_by(finding: Finding) -> str:
    """The command that runs it."""
    if finding.mistake in _TITLES:
        return f"python -m simulator mistakes {finding.mistake} ({_(_TITLES[finding.mistake])})"
    return f"python -m simulator run {finding.scenario}" if finding.scenario else ""


def exit_code(found: Sequence[Finding], *, costs: bool = False) -> int:
    """For CI: 1 where something is wrong, or where anything was found at all and `costs` count, too."""
    return int(any(costs or finding.severity is not Severity.COST for finding in found))
