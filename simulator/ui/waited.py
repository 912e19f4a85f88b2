"""The verdict of the Locks page: who waited for whom and how long, a deadlock by its name, then what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.figures.palette import GREY, OUTCOMES, RED, OutcomeStyle, outcome_word
from simulator.figures.score_info import ScoreInfo
from simulator.i18n import gettext as _
from simulator.locks import DEADLOCK
from simulator.model import Outcome
from simulator.run import RunResult
from simulator.ui import verdict

#: More waits than this are not listed one by one.
MAX_WAITS = 5
#: Outcomes that say more than that somebody waited.
_LOUDER = (Outcome.ANOMALY, Outcome.ERROR, Outcome.ABORTED)


def headline(result: RunResult, info: ScoreInfo) -> None:
    """A banner: what happened to the sessions, the waits in words, and below what it came to."""
    waits = list(waits_in_words(info))
    style, word = _style(result, waited=bool(waits))
    first = " · ".join(waits) if waits else _("No statement waited for another session.")
    lines = [first, result.reason, *verdict.rules(result), *map(verdict.abort_line, result.aborts)]
    verdict.banner(style, word, [line for line in lines if line], result.outcome)


def waits_in_words(info: ScoreInfo) -> Iterator[str]:
    """`T1.give waited 12 ms for T2`, each wait in the order in which it began."""
    for wait in info.waits[:MAX_WAITS]:
        mark = info.marks[wait.mark]
        # The wait that closes a deadlock may be known only from the server's report.
        start = mark.place.ms.start if mark.sqlstate == DEADLOCK else wait.place.ms.start
        ms = wait.place.ms.end - start
        names = {"step": mark.step, "ms": f"{ms:.0f}" if ms >= 1 else "<1", "blockers": ", ".join(wait.by) or "?"}
        if mark.settled_at is None:
            yield _("{step} still waits for {blockers}").format(**names)
        else:
            yield _("{step} waited {ms} ms for {blockers}").format(**names)
    if len(info.waits) > MAX_WAITS:
        yield "…"


def _style(result: RunResult, *, waited: bool) -> tuple[OutcomeStyle, str]:
    if any(abort.sqlstate == DEADLOCK for abort in result.aborts):
        return OutcomeStyle(RED, "⟳", ""), _("deadlock")
    if result.outcome in _LOUDER:
        return OUTCOMES[result.outcome], outcome_word(result.outcome)
    if waited:
        return OutcomeStyle(GREY, "⏳", ""), _("waits")
    return OUTCOMES[Outcome.SAFE], _("no waits")
