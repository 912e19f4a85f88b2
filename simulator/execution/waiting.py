"""Sessions that wait: for how long, why an order cannot be carried out, and who waits for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simulator.execution.lane import Lane
from simulator.i18n.text import Text
from simulator.model import Step

#: How the server's words for a lock begin that only its session, or its transaction's end, gives up.
ADVISORY = "advisory"


@dataclass(frozen=True, slots=True)
class Impossible:
    """The schedule could not go on: it wanted a step of a session that was still waiting."""

    #: the step that could not be sent
    step: str
    session: str
    #: sessions that it waited for
    waits_for: tuple[str, ...]
    #: the step whose statement was waiting
    since: str
    #: what it waited for, in the server's words
    lock: str = ""


@dataclass(frozen=True, slots=True)
class WaitsForEver:
    """A session waits, and nothing is left in the schedule that could end that: an outcome, not a wrong order."""

    session: str
    #: the step whose statement waits
    step: str
    #: sessions that it waits for; none where it is somebody outside of the run
    by: tuple[str, ...]
    #: what it waits for, in the server's words
    lock: str
    why: Text


def ends_by_itself(lane: Lane, lanes: Mapping[str, Lane], asked: Collection[str] = ()) -> float | None:
    """When a time-out that a session has set ends this wait, in monotonic seconds; None where none does.

    Either the waiter's own, or one that ends each of its blockers' transactions.
    """
    block = lane.block
    own = [
        start + seconds
        for name, start in (
            ("lock_timeout", lane.blocked_at if block is not None else None),
            ("statement_timeout", lane.sent_at),
            ("transaction_timeout", lane.began_at),
        )
        if start is not None and (seconds := lane.timeouts[name]) is not None
    ]
    blockers = [lanes[name] for name in (block.by if block is not None else ())]
    seen = (*asked, lane.name)
    freed = [None if each.name in seen else _freed(each, lanes, seen) for each in blockers]
    if freed and block is not None and not (block.foreign or block.prepared):
        known = [moment for moment in freed if moment is not None]
        own += [max(known)] if len(known) == len(freed) else []
    return min(own, default=None)


def _freed(lane: Lane, lanes: Mapping[str, Lane], asked: Sequence[str]) -> float | None:
    """When the locks of a blocker come free by a time-out of its own."""
    if lane.connection.busy:
        return ends_by_itself(lane, lanes, asked)
    starts = (("idle_in_transaction_session_timeout", lane.answered_at), ("transaction_timeout", lane.began_at))
    found = [start + seconds for name, start in starts if (seconds := lane.timeouts[name]) is not None]
    return min(found, default=None) if lane.connection.in_transaction else None


def waits_for_ever(lane: Lane, lanes: Mapping[str, Lane], left: Sequence[Step]) -> WaitsForEver | None:
    """Why the lane waits for ever where only these steps are left of the schedule; None where one could release it."""
    block = lane.block
    by = block.by if block is not None else ()
    movable = {step.session for step in left if not lanes[step.session].connection.busy}
    if (block is not None and block.prepared and movable) or _reached(lane, lanes) & movable:
        return None
    return WaitsForEver(
        session=lane.name,
        step=lane.step.key if lane.step else "",
        by=by,
        lock=block.lock if block is not None else "",
        why=_why(lane, lanes),
    )


def impossible(step: Step, lane: Lane) -> Impossible:
    """The order that wanted this step while the lane still waited."""
    by, lock = (lane.block.by, lane.block.lock) if lane.block else ((), "")
    return Impossible(step.key, lane.name, by, lane.step.key if lane.step else "", lock)


def explain_impossible(found: Impossible) -> Text:
    """Why an order cannot be carried out, and what to move."""
    text = Text.of(
        "{step} cannot be sent here: {session} still waits in {since} for {blockers}. "
        "Move {step} after the step in which {blockers} commits or rolls back."
    )
    if found.lock.startswith(ADVISORY):
        text = Text.of(
            "{step} cannot be sent here: {session} still waits in {since} for {blockers}. "
            "Move {step} after the step in which {blockers} gives up the advisory lock."
        )
    return text.given(
        session=found.session,
        since=found.since,
        blockers=", ".join(found.waits_for),
        step=found.step,
    )


def explain_waits_for_ever(found: WaitsForEver) -> Text:
    """Who waits in which step, and what keeps it there."""
    return Text.of("{session} waits for ever in {step}: {why}", session=found.session, step=found.step, why=found.why)


def _reached(lane: Lane, lanes: Mapping[str, Lane]) -> set[str]:
    """Sessions at which the chains of waits that begin here can end."""
    reached, ahead = set[str](), [lane.name]
    while ahead:
        block = lanes[ahead.pop()].block
        new = [name for name in (block.by if block is not None else ()) if name not in reached]
        reached.update(new)
        ahead += new
    return reached


def _why(lane: Lane, lanes: Mapping[str, Lane]) -> Text:
    block = lane.block
    if block is None:
        return Text.of("its statement does not end by itself.")
    sentences = list(_sentences(lane, lanes))
    return Text.joined(" ", sentences) if sentences else Text.of("it waits for a session outside of this run.")


def _sentences(lane: Lane, lanes: Mapping[str, Lane]) -> Iterator[Text]:
    block = lane.block
    if block is None:
        return
    if block.prepared:
        yield Text.of(
            "{sessions} has prepared a transaction, and nobody says COMMIT PREPARED or ROLLBACK PREPARED.",
            sessions=", ".join(block.by),
        )
        return
    for blocker in (lanes[name] for name in block.by):
        if blocker.connection.busy:
            yield Text.of("{blocker} waits itself.", blocker=blocker.name)
        elif not blocker.open and block.lock.startswith(ADVISORY):
            yield Text.of(
                "{blocker}'s session keeps the advisory lock; COMMIT does not release it.", blocker=blocker.name
            )
        elif blocker.failed is not None:
            yield Text.of(
                "{transaction} has failed and is not rolled back to its end.", transaction=blocker.transaction
            )
        elif blocker.open:
            yield Text.of("{transaction} is left open.", transaction=blocker.transaction)
        else:
            yield Text.of("{blocker}'s session keeps the lock without a transaction.", blocker=blocker.name)
