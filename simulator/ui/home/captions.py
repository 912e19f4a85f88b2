"""A run told in a few sentences, one a step, each from what was seen by then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from simulator.anomalies.types import Anomaly, DependencyKind
from simulator.figures.score.info import Mark, ScoreInfo, Status
from simulator.figures.score.notes import waits_text
from simulator.i18n import gettext as _
from simulator.i18n.text import NOTHING, Text
from simulator.sql.access import accesses
from simulator.sql.kinds import AccessKind


class Caption(NamedTuple):
    """What is told at one step. Reads, and ends, that follow each other are one act of the run; each write is one."""

    #: from 1; 0 before the first
    act: int
    acts: int
    text: str


def captions(info: ScoreInfo) -> tuple[Caption, ...]:
    """What is told before the first step, then one for each mark of the score."""
    groups = [tuple(group) for _kind, group in groupby(info.marks, key=_act)]
    told = (
        Caption(number, len(groups), _told(info, group[: place + 1]))
        for number, group in enumerate(groups, 1)
        for place in range(len(group))
    )
    return (Caption(0, len(groups), _("Nothing has been sent yet.")), *told)


def because(anomaly: Anomaly) -> Text:
    """Why a change is lost, in one sentence; nothing for any other anomaly."""
    overwritten = next((edge for edge in anomaly.cycle if edge.kind is DependencyKind.WW), None)
    if anomaly.name != "P4" or overwritten is None:
        return NOTHING
    return Text.of(
        "Because {second} wrote over a value that it had read before {first} changed it.",
        first=overwritten.source,
        second=overwritten.target,
    )


def _act(mark: Mark) -> str:
    kind = _kind(mark)
    return kind.value if kind in (AccessKind.READ, AccessKind.END) else f"{mark.position}"


def _kind(mark: Mark) -> AccessKind:
    found = accesses(mark.sql)
    return found[0].kind if isinstance(found, tuple) and found else AccessKind.NONE


def _told(info: ScoreInfo, act: Sequence[Mark]) -> str:
    """The last of these, and what it has in common with those before it."""
    mark = act[-1]
    same = [each for each in act if each.result == mark.result and each.status is mark.status]
    if _kind(mark) is AccessKind.READ and mark.result and len({each.session for each in same}) == 2:
        first, second = (each.session for each in same[-2:])
        own = _("{first} and {second} have both read {result}.").format(first=first, second=second, result=mark.result)
    else:
        own = _own(mark)
    return " ".join((own, *_stored(info, mark), *_woken(info, mark)))


def _own(mark: Mark) -> str:
    names = {"session": mark.session, "what": mark.label, "result": mark.result, "sqlstate": mark.sqlstate}
    kind = _kind(mark)
    if mark.status is Status.SKIPPED:
        return _("{session} leaves {what} out: {why}.").format(**names, why=mark.detail)
    if mark.settled_at is None or mark.settled_at > mark.position:
        template = (
            _("{session} wants to write {what}, and {waits}.") if kind.writes else _("{session} {waits}: {what}.")
        )
        return template.format(**names, waits=waits_text(mark.waited_for))
    if mark.sqlstate:
        return _("{session} is refused: {sqlstate}. {what}").format(**names)
    if kind is AccessKind.READ:
        return _("{session} reads {result}.").format(**names)
    if kind.writes:
        return _("{session} writes {what}, and has not committed.").format(**names)
    return _("{session} commits.").format(**names) if mark.label == "COMMIT" else f"{mark.session}: {mark.label}."


def _stored(info: ScoreInfo, mark: Mark) -> Iterator[str]:
    yield from (_("Stored: {value}.").format(value=box.text) for box in info.stored if box.known_at == mark.position)


def _woken(info: ScoreInfo, mark: Mark) -> Iterator[str]:
    """Those whose wait ended with this step."""
    for other in info.woken(mark):
        if other.sqlstate:
            yield _("{session} is refused: {sqlstate}.").format(session=other.session, sqlstate=other.sqlstate)
        else:
            yield _("{session} goes on.").format(session=other.session)
