"""A history is judged: every rule asked, what is of one line of code told once, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from simulator.findings.facts import Facts
from simulator.findings.finding import Cost, Finding, Rule, Severity, Sign, Unit
from simulator.findings.rules.table import RULES
from simulator.history.schedule import History
from simulator.i18n.text import N_, NOTHING, Text
from simulator.traces.critical import duration
from simulator.traces.spans import Trace
from simulator.traces.trace import read

#: Spans of one finding that light up; the list of requests is as long as it is.
_EVIDENCE = 200


def judge(history: History) -> tuple[Finding, ...]:
    """What is wrong in it and what it cost, the worst first; () where nothing was found."""
    return judge_trace(read(history))


def judge_trace(trace: Trace) -> tuple[Finding, ...]:
    """The same of a history that was read already."""
    facts = Facts(trace)
    found = [finding for rule in RULES for finding in _findings(rule, rule.find(facts))]
    return tuple(sorted(found, key=lambda each: (each.severity.rank, -_weight(each.costs))))


def faults(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that are more than a cost."""
    return tuple(each for each in findings if each.severity is not Severity.COST)


def _findings(rule: Rule, signs: Iterable[Sign]) -> list[Finding]:
    groups: dict[tuple[str, str], list[Sign]] = defaultdict(list)
    for sign in signs:
        groups[sign.mistake or rule.mistake, sign.line].append(sign)
    return [_finding(rule, mistake, line, group) for (mistake, line), group in groups.items()]


def _finding(rule: Rule, mistake: str, line: str, signs: Sequence[Sign]) -> Finding:
    worst = min(signs, key=lambda sign: (sign.severity.rank, -_weight(sign.costs)))
    costs = _summed(signs)
    return Finding(
        rule=rule.key,
        title=rule.title,
        severity=worst.severity,
        said=worst.said,
        times=len(signs),
        cost=cost_words(costs),
        cure=rule.cure,
        source=rule.source,
        mistake=mistake,
        scenario=rule.scenario,
        line=line,
        requests=tuple(dict.fromkeys(name for sign in (worst, *signs) for name in sign.requests)),
        evidence=tuple(dict.fromkeys(seq for sign in (worst, *signs) for seq in sign.evidence))[:_EVIDENCE],
        costs=costs,
    )


def _summed(signs: Sequence[Sign]) -> tuple[Cost, ...]:
    sums: dict[Unit, float] = defaultdict(float)
    for sign in signs:
        for unit, amount in sign.costs:
            sums[unit] += amount
    return tuple((unit, sums[unit]) for unit in Unit if sums.get(unit))


def _weight(costs: Sequence[Cost]) -> float:
    """For the order of findings that are equally bad: a change or a failure weighs as much as a second."""
    return sum(amount if unit in _TIMES else 1000 * amount for unit, amount in costs)


_TIMES = frozenset({Unit.HELD, Unit.WAITED, Unit.SQL})


def cost_words(costs: Sequence[Cost]) -> Text:
    """What it cost, from the history's own numbers."""
    return Text.joined(N_(", "), [_COSTS[unit](amount) for unit, amount in costs]) if costs else NOTHING


def _connections(n: float) -> Text:
    return Text.many(
        "{n} connection that the pool does not get back", "{n} connections that the pool does not get back", round(n)
    )


def _failures(n: float) -> Text:
    return Text.many("{n} request was told an error", "{n} requests were told an error", round(n))


def _changes(n: float) -> Text:
    return Text.many("{n} change lost or at risk", "{n} changes lost or at risk", round(n))


def _statements(n: float) -> Text:
    return Text.many("{n} statement more than needed", "{n} statements more than needed", round(n))


_COSTS: Mapping[Unit, Callable[[float], Text]] = MappingProxyType(
    {
        Unit.CONNECTIONS: _connections,
        Unit.FAILURES: _failures,
        Unit.CHANGES: _changes,
        Unit.STATEMENTS: _statements,
        Unit.HELD: lambda ms: Text.of("{time} of a connection with nothing sent on it", time=duration(ms)),
        Unit.WAITED: lambda ms: Text.of("{time} of waiting", time=duration(ms)),
        Unit.SQL: lambda ms: Text.of("{time} of SQL", time=duration(ms)),
    }
)
