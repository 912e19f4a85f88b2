"""The verdict in words: what the finding means, and by what numbers the nearest serial order differs from the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeGuard

from simulator.anomalies.explain import explain_anomaly, explain_order, title, why
from simulator.anomalies.types import Dependency, DependencyKind
from simulator.anomalies.versions import Item
from simulator.i18n.text import N_, NOTHING, Text
from simulator.model import Row, Scalar
from simulator.sql.values import brief
from simulator.verdict.comparison import Difference
from simulator.verdict.judge import Facts, Finding, finding_of
from simulator.verdict.types import Loophole, Serial

#: Rows of a difference that are written out.
MAX_ROWS = 4


class ChangedValue(NamedTuple):
    """One value of one stored row that a serial order would have left otherwise."""

    #: as the graph names it, by its key: `wallet 1`
    row: str
    column: str
    serial: Scalar
    seen: Scalar


def explain_finding(facts: Facts) -> tuple[Text, ...]:
    """One sentence that says it, then those that say more."""
    lines = list(_LINES[finding_of(facts)](facts))
    if facts.replayed.not_compared:
        steps = ", ".join(facts.replayed.not_compared)
        lines.append(Text.of("{steps} ask the server about itself: their answers were not compared.", steps=steps))
    if facts.replayed.left_out:
        steps = ", ".join(facts.replayed.left_out)
        lines.append(Text.of("{steps} had been refused because of others, and was left out then.", steps=steps))
    return tuple(lines)


def explain_differences(facts: Facts) -> tuple[Text, ...]:
    """What the nearest order gives instead, what is stored first; nothing where it is excused."""
    if facts.replayed.serial is Serial.UNDECIDED:
        return ()
    order = order_words(facts.replayed.order)
    weighed = sorted(facts.replayed.differences, key=lambda each: each.relation is None)
    lines = (line for each in weighed for line in _difference(each, facts.key_of(each.relation)))
    return tuple(dict.fromkeys(line.given(order=order) for line in lines))


def order_words(order: Sequence[str]) -> Text:
    """`T1, then T2`."""
    if len(order) == 1:
        return Text.of("{transaction} alone", transaction=order[0])
    if len(order) == 2:
        return Text.of("{first}, then {second},", first=order[0], second=order[1])
    return Text.of("{transactions} one after another", transactions=", ".join(order))


def changed_values(difference: Difference, key: Sequence[str]) -> tuple[ChangedValue, ...]:
    """Where a difference is single values of stored rows: each of them; else, and without a key, nothing."""
    relation, columns = difference.relation, difference.columns
    if relation is None or not key or not set(key) <= set(columns):
        return ()
    places = [columns.index(column) for column in key]
    serial, seen = (
        {tuple(row[place] for place in places): row for row in rows} for rows in (difference.serial, difference.seen)
    )
    if serial.keys() != seen.keys():
        return ()
    return tuple(
        ChangedValue(str(Item(relation, of)), column, expected, stored)
        for of, row in seen.items()
        for column, expected, stored in zip(columns, serial[of], row, strict=True)
        if expected != stored
    )


def _serializable(facts: Facts) -> Iterator[Text]:
    yield explain_order(facts.replayed.order)


def _against_clock(facts: Facts) -> Iterator[Text]:
    yield from _serializable(facts)
    for first, second in facts.replayed.against_clock:
        yield Text.of(
            "Only an order that the clock forbids explains it: {second} had committed before {first} began.",
            first=first,
            second=second,
        )


def _risk(facts: Facts) -> Iterator[Text]:
    yield from _serializable(facts)
    for anomaly in facts.graph.anomalies:
        yield Text.of(
            "With other values it could go wrong. {anomaly}: {why}.", anomaly=title(anomaly.name), why=why(anomaly)
        )


def _rule_broken(facts: Facts) -> Iterator[Text]:
    if facts.replayed.left_out:
        yield Text.of("The rule is broken: a statement was refused because of others, and its transaction went on.")
        return
    order = facts.replayed.order
    if facts.uncommitted:
        # Nothing of isolation levels: at another one these might have committed, and the rule hold.
        yield Text.of(
            "Not all of {transactions} was committed: whether the rule holds with it was not seen.",
            transactions=", ".join(facts.uncommitted),
        )
    elif not order:
        yield explain_order(order)
    elif len(order) == 1:
        yield Text.of("{transaction} alone breaks the rule too: no isolation level helps.", transaction=order[0])
    else:
        yield Text.of("{order} break the rule too: no isolation level helps.", order=order_words(order))


def _named(facts: Facts) -> Iterator[Text]:
    yield _lost(facts) or _first(facts)
    for anomaly in facts.graph.anomalies:
        yield Text.of("{anomaly}: {why}.", anomaly=title(anomaly.name), why=why(anomaly))
    yield from (Text(_LOOPHOLES[each]) for each in facts.replayed.loopholes)


def _lost(facts: Facts) -> Text:
    """Of lost updates: whose changes of one value are lost, and the numbers; nothing where it is not single values."""
    cycles = [anomaly.cycle for anomaly in facts.graph.anomalies if anomaly.name == "P4"]
    edges = tuple(edge for cycle in cycles for edge in cycle)
    for value in _changed(facts):
        on_it = [edge for edge in edges if (edge.evidence.item, edge.evidence.column) == (value.row, value.column)]
        writers = tuple(dict.fromkeys(edge.source for edge in on_it if edge.kind is DependencyKind.WW))
        if writers:
            return _lost_value(writers, value, on_it)
    return NOTHING


def _changed(facts: Facts) -> Iterator[ChangedValue]:
    for found in facts.replayed.differences:
        yield from changed_values(found, facts.key_of(found.relation))


def _lost_value(writers: Sequence[str], value: ChangedValue, edges: Sequence[Dependency]) -> Text:
    known = {"row": value.row, "column": value.column, "serial": brief(value.serial), "seen": brief(value.seen)}
    if len(writers) > 1:
        return Text.of(
            "{column} of {row}: {seen} is stored, {serial} expected: the changes of {transactions} are lost.",
            transactions=", ".join(writers),
            **known,
        )
    amount = _amount(writers[0], value, edges)
    if amount:
        return Text.of(
            "{transaction}'s {amount} on {column} of {row} is lost: {seen} is stored, {serial} expected.",
            transaction=writers[0],
            amount=amount,
            **known,
        )
    return Text.of(
        "{transaction}'s change of {column} in {row} is lost: {seen} is stored, {serial} expected.",
        transaction=writers[0],
        **known,
    )


def _amount(writer: str, value: ChangedValue, edges: Sequence[Dependency]) -> str:
    """By how much the writer changed the number, where just that is missing: `+20`."""
    for edge in edges:
        before, after = edge.evidence.before, edge.evidence.after
        if edge.kind is not DependencyKind.RW or edge.target != writer:
            continue
        if _number(before) and _number(after) and _number(value.serial) and _number(value.seen):
            change = after - before
            if change == value.serial - value.seen:
                return f"{change:+}".replace("-", "−")
    return ""


def _number(value: Scalar) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unnamed(facts: Facts) -> Iterator[Text]:
    yield _first(facts)
    yield from (Text(_LOOPHOLES[each]) for each in facts.replayed.loopholes)
    if facts.graph.no_verdict is not None:
        yield Text.of("It has no name here, since not every row could be followed. {why}", why=facts.graph.no_verdict)


def _by_design(facts: Facts) -> Iterator[Text]:
    yield Text.of(
        "Not serial, as a statement wants it that would rather do without than wait. {why}", why=_first(facts)
    )


def _unconfirmed(facts: Facts) -> Iterator[Text]:
    # Of an order that the graph thinks of nothing is said: no replay confirmed it.
    for anomaly in facts.graph.anomalies:
        yield Text.of("Perhaps an anomaly. {anomaly}: {why}.", anomaly=title(anomaly.name), why=why(anomaly))
    if facts.replayed.reason:
        yield Text.of("Not confirmed by running the transactions one after another: {why}", why=facts.replayed.reason)
    else:
        yield Text.of("The run did not come to its end, so nothing was run again.")


def _first(facts: Facts) -> Text:
    """The first number by which the nearest order differs."""
    return next(iter(explain_differences(facts)), Text.of("No serial order gives what was seen."))


_LOOPHOLES: Mapping[Loophole, str] = MappingProxyType(
    {
        Loophole.UNIQUE_CHECK: N_(
            "A unique check takes part (ON CONFLICT, or a 23505 that was caught): it looks at rows that the "
            "transaction's own snapshot may not show."
        ),
        Loophole.NOT_MVCC_SAFE: N_(
            "TRUNCATE or ALTER TABLE takes part: PostgreSQL documents that older snapshots may see its effect too."
        ),
    }
)

_LINES: Mapping[Finding, Callable[[Facts], Iterator[Text]]] = MappingProxyType(
    {
        Finding.NOTHING_COMMITTED: _serializable,
        Finding.SERIALIZABLE: _serializable,
        Finding.AGAINST_CLOCK: _against_clock,
        Finding.RISK: _risk,
        Finding.RULE_BROKEN_SERIALLY: _rule_broken,
        Finding.NAMED: _named,
        Finding.UNNAMED: _unnamed,
        Finding.BY_DESIGN: _by_design,
        Finding.UNCONFIRMED: _unconfirmed,
    }
)


def _difference(difference: Difference, key: Sequence[str]) -> Iterator[Text]:
    """Sentences with `{order}` left to be given."""
    if difference.relation is None:
        yield _step(difference)
        return
    changed = changed_values(difference, key)
    for value in changed:
        yield Text(N_("{order} would have stored {column} {serial} in {row}; {seen} is stored.")).given(
            **{**value._asdict(), "serial": brief(value.serial), "seen": brief(value.seen)}
        )
    if changed:
        return
    if not difference.serial and not difference.seen:
        yield Text(N_("{order} would have left {relation} otherwise: {serial}; now it is {seen}.")).given(
            relation=difference.relation, serial=difference.serial_status or "–", seen=difference.seen_status or "–"
        )
    for rows, template in (
        (difference.serial, N_("{order} would have left these rows in {relation}, and they are not there: {rows}.")),
        (difference.seen, N_("{order} would not have left these rows in {relation}, and they are there: {rows}.")),
    ):
        if rows:
            yield Text(template).given(relation=difference.relation, rows=_rows(rows))


def _written(status: str) -> int | None:
    """How many rows a command tag says were written: `UPDATE 2`; None for any other status."""
    verb, *_, number = status.split(" ") if " " in status else ("", "")
    return int(number) if verb in ("INSERT", "UPDATE", "DELETE", "MERGE") and number.isdecimal() else None


def _step(difference: Difference) -> Text:
    values = {"step": difference.step}
    if difference.serial_status == "skipped":
        return Text(N_("{order} would have left {step} out; here it was sent.")).given(**values)
    if difference.seen_status == "skipped":
        return Text(N_("{order} would have sent {step}; here it was left out.")).given(**values)
    written = (_written(difference.serial_status), _written(difference.seen_status))
    if None not in written and not (difference.serial or difference.seen):
        return Text(N_("{order} would have let {step} write {serial} rows; here it wrote {seen}.")).given(
            **values, serial=written[0], seen=written[1]
        )
    if difference.serial or difference.seen or difference.serial_status == difference.seen_status:
        return Text(N_("{order} would have answered {serial} to {step}; it saw {seen}.")).given(
            **values, serial=_rows(difference.serial), seen=_rows(difference.seen)
        )
    return Text(N_("{order} would have come to {serial} at {step}; here it came to {seen}.")).given(
        **values, serial=difference.serial_status, seen=difference.seen_status
    )


def _rows(rows: Sequence[Row]) -> Text | str:
    if not rows:
        return Text.of("no row")
    shown = " | ".join(", ".join(map(brief, row)) for row in rows[:MAX_ROWS])
    return f"{shown} …" if len(rows) > MAX_ROWS else shown


__all__ = ["ChangedValue", "changed_values", "explain_anomaly", "explain_differences", "explain_finding", "order_words"]
