"""Too many statements, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from simulator.findings.facts import Facts, Sent, Work
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.findings.touch import briefly
from simulator.i18n.text import N_, Text
from simulator.traces.critical import duration

_LOADING = "https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html#lazy-loading"
_TRANSACTIONS = "https://www.postgresql.org/docs/18/transaction-iso.html"
#: From how many on they are told.
LAZY, EQUAL, REPEATED = 5, 3, 20


def _took(sent: Sequence[Sent]) -> float:
    return sum(each.statement.until(each.statement.start_ms) - each.statement.start_ms for each in sent)


def _n_plus_one(facts: Facts) -> Iterator[Sign]:
    """One SELECT, from one line, in one transaction, each time with other values."""
    for work in facts.works:
        for (_sql, line), sent in _alike(work).items():
            different = {each.statement.parameters for each in sent}
            if len(different) < LAZY or not all(each.reads and not _locks(each) for each in sent):
                continue
            took = _took(sent)
            yield Sign(
                said=Text.of(
                    "{request} sent the same SELECT {times} times, with {different} different values, in {sql}: {what}",
                    request=work.request or "–",
                    times=len(sent),
                    different=len(different),
                    sql=duration(took),
                    what=briefly(sent[0].statement.sql),
                ),
                severity=Severity.FLAW,
                line=line,
                requests=work.requests,
                evidence=tuple(each.statement.seq for each in sent),
                costs=((Unit.STATEMENTS, len(sent) - 1), (Unit.SQL, took)),
            )


def _locks(sent: Sent) -> bool:
    return sent.touch is not None and sent.touch.locks


def _alike(work: Work) -> dict[tuple[str, str], list[Sent]]:
    found: dict[tuple[str, str], list[Sent]] = defaultdict(list)
    for each in work.statements:
        found[each.statement.sql, each.statement.line].append(each)
    return found


def _equal(facts: Facts) -> Iterator[Sign]:
    """The same question with the same values, again and again in one transaction."""
    for work in facts.works:
        groups: dict[tuple[object, ...], list[Sent]] = defaultdict(list)
        for each in work.statements:
            if each.reads and not _locks(each):
                groups[each.statement.sql, each.statement.parameters, each.statement.line].append(each)
        for sent in groups.values():
            if len(sent) >= EQUAL and not _written(work, sent):
                yield _asked_again(facts, work, sent)


def _written(work: Work, sent: Sequence[Sent]) -> bool:
    """Its own transaction wrote between two of them: the second answer may be another one."""
    first, last = sent[0].statement.seq, sent[-1].statement.seq
    return any(first < each.statement.seq < last for each in work.writes)


def _asked_again(facts: Facts, work: Work, sent: Sequence[Sent]) -> Sign:
    news = _news(facts, work, sent)
    words = (
        Text.of(
            "{request} asked {times} times for the same in one transaction and got as many rows each time, although "
            "{other} had committed a change of this table in between: {what}"
        ).given(other=news.request if news is not None else "")
        if news is not None
        else Text.of("{request} asked {times} times for the same in one transaction: {what}")
    )
    return Sign(
        said=words.given(request=work.request or "–", times=len(sent), what=briefly(sent[0].statement.sql)),
        severity=Severity.FLAW if news is not None else Severity.COST,
        line=sent[0].statement.line,
        mistake="stale_worker_loop" if news is not None else "",
        requests=tuple(dict.fromkeys((*work.requests, *(news.requests if news is not None else ())))),
        evidence=tuple(each.statement.seq for each in sent),
        costs=((Unit.STATEMENTS, len(sent) - 1), (Unit.SQL, _took(sent))),
    )


def _news(facts: Facts, work: Work, sent: Sequence[Sent]) -> Work | None:
    """Who committed a write to the same table between two of them, while every answer had as many rows."""
    table = sent[0].touch.table if sent[0].touch is not None else ""
    tags = {each.statement.tag for each in sent}
    # Of a SELECT not every driver tells how many rows came: only a command tag does.
    if not table or len(tags) != 1 or not all(tag.startswith("SELECT ") for tag in tags):
        return None
    for other in facts.works:
        if other is work or not other.committed or not (sent[0].statement.start_ms < other.commit_ms[0]):
            continue
        if other.commit_ms[1] < sent[-1].statement.start_ms and any(
            each.touch is not None and each.touch.table == table for each in other.writes
        ):
            return other
    return None


def _repeated(facts: Facts) -> Iterator[Sign]:
    """The same write, once for each row."""
    for request in facts.trace.groups:
        groups: dict[tuple[str, str], list[Sent]] = defaultdict(list)
        works: dict[tuple[str, str], set[int]] = defaultdict(set)
        for number, work in enumerate(facts.of(request.name)):
            for each in work.writes:
                groups[each.statement.sql, each.statement.line].append(each)
                works[each.statement.sql, each.statement.line].add(number)
        for key, sent in groups.items():
            if len(sent) >= REPEATED:
                yield Sign(
                    said=Text.of(
                        "{request} sent the same statement {times} times in {transactions} transactions, {sql} in all: "
                        "{what}",
                        request=request.name or "–",
                        times=len(sent),
                        transactions=len(works[key]),
                        sql=duration(_took(sent)),
                        what=briefly(sent[0].statement.sql),
                    ),
                    severity=Severity.COST,
                    line=key[1],
                    requests=(request.name,),
                    evidence=tuple(each.statement.seq for each in sent),
                    costs=((Unit.STATEMENTS, len(sent) - 1), (Unit.SQL, _took(sent))),
                )


def _none(facts: Facts) -> Iterator[Sign]:
    requests = facts.trace.requests
    waited = any(request.waits for request in facts.trace.groups)
    if requests and not waited and not any(request.statements for request in facts.trace.groups):
        yield Sign(
            said=Text.many(
                "{n} request was seen, and not one statement: nobody used the engine that was recorded.",
                "{n} requests were seen, and not one statement: nobody used the engine that was recorded.",
                len(requests),
            ),
            severity=Severity.FLAW,
            requests=tuple(request.name for request in requests),
        )


RULES = (
    Rule(
        key="n_plus_one",
        title=N_("One SELECT for each row"),
        cure=N_("selectinload() or joinedload() for the relationship; or one query with a condition on all of them."),
        source=_LOADING,
        find=_n_plus_one,
        mistake="n_plus_one",
    ),
    Rule(
        key="equal_statements",
        title=N_("The same question again in one transaction"),
        cure=N_(
            "Ask once and keep the answer. Who waits for something new ends the transaction before the next look: at "
            "REPEATABLE READ a transaction never sees it."
        ),
        source=_TRANSACTIONS,
        find=_equal,
    ),
    Rule(
        key="repeated_writes",
        title=N_("The same write, row by row"),
        cure=N_("One execute() with a list of rows, or add_all() and one commit."),
        source="https://docs.sqlalchemy.org/en/21/orm/queryguide/dml.html#orm-bulk-insert-statements",
        find=_repeated,
    ),
    Rule(
        key="no_statement",
        title=N_("No statement was seen"),
        cure=N_("Trace the engine that the application uses: there may be another one, made elsewhere."),
        source="https://docs.sqlalchemy.org/en/21/core/engines.html",
        find=_none,
    ),
)
