"""A report of a deadlock in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simulator.findings.deadlock import Report, words
from simulator.i18n import Text
from simulator.i18n import gettext as _


def deadlock_text(report: Report) -> str:
    """The circle, where it closed, what the log does not say, the cure, and what to run."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield " → ".join(map(str, (*report.processes, *report.processes[:1]) if report.is_deadlock else report.processes))
    yield from _part("", (*words.circle(report), words.outcome(report)))
    yield from _part(_("Where the lock was met"), words.contexts(report))
    yield from _part(_("What the log does not say"), words.missing(report))
    yield from _part(_("Cure"), (words.cure(report),))
    yield from _part(_("Demonstration"), (f"python -m simulator run {words.fits(report)}",))


def _part(title: str, sentences: Iterable[Text | str]) -> Iterator[str]:
    told = [str(each) for each in sentences]
    if told:
        yield ""
        if title:
            yield f"{title}:"
        yield from (f"- {each}" for each in told)
