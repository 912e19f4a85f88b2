"""What is known of a bar, for whoever points at it or clicks it."""

from __future__ import annotations

from collections import Counter
from functools import singledispatch
from typing import Any

from simulator.figures.swimlanes.info import Bar, BarKind, Group
from simulator.figures.swimlanes.merge import Draft
from simulator.figures.swimlanes.words import state_word
from simulator.i18n import gettext as _
from simulator.traces.spans import (
    BackendStay,
    Commit,
    Connecting,
    Ending,
    Flush,
    Hold,
    PoolWait,
    Request,
    SessionLife,
    Span,
    Statement,
    Transaction,
    Work,
)

#: Lines of code that a group of a merged bar names.
MAX_LINES = 4


def bar_id(draft: Draft) -> str:
    """The same for the same span in every lane; of a merged bar, its first one's with its lane and their number."""
    source = draft.source
    if isinstance(source, Request):
        own = f"request:{source.name}"
    elif isinstance(source, SessionLife):
        own = f"session:{draft.request or ''}:{source.name}"
    else:
        own = f"{draft.kind.value}:{source.seq}"
    return own if draft.spans == 1 else f"{own}:{draft.lane}+{draft.spans - 1}"


def described(draft: Draft) -> Bar:
    """Everything that the page tells of it."""
    source = draft.source
    bar = Bar(
        id=bar_id(draft),
        kind=draft.kind,
        request=draft.request,
        session=getattr(source, "session", None),
        start_ms=draft.start_ms,
        end_ms=None if draft.open else draft.end_ms,
        busy_ms=draft.busy_ms,
        title="",
        slot=getattr(source, "slot", None),
        backend=getattr(source, "backend", None),
        spans=draft.spans,
    )
    if draft.spans > 1:
        title = _("{count} × {what}").format(count=draft.spans, what=kind_word(draft.kind, draft.waits))
        return bar._replace(title=title, slot=None, backend=None, groups=_groups(draft))
    return bar._replace(**_of(source))


def _groups(draft: Draft) -> tuple[Group, ...]:
    """What a merged bar stands for: the same SQL, or the same title, together."""
    found: dict[str, list[Any]] = {}
    for source in draft.sources:
        facts = _of(source)
        found.setdefault(facts.get("sql") or facts["title"], []).append(source)
    groups = [_group(what, sources, draft.end_ms) for what, sources in found.items()]
    return tuple(sorted(groups, key=lambda group: -group.busy_ms))


def _group(what: str, sources: list[Any], latest_ms: float) -> Group:
    lines = Counter(line for source in sources if (line := getattr(source, "line", "")))
    return Group(
        what=what,
        times=len(sources),
        busy_ms=sum(source.until(latest_ms) - source.start_ms for source in sources if isinstance(source, Span)),
        failed=sum(bool(getattr(source, "failed", False) or getattr(source, "error", "")) for source in sources),
        lines=tuple(lines.most_common(MAX_LINES)),
        is_sql=isinstance(sources[0], Statement),
    )


def kind_word(kind: BarKind, waits: bool = True) -> str:
    """What the legend calls it; a wait for the pool that was no wait has another word."""
    if kind is BarKind.WAIT and not waits:
        return _("takes a connection")
    return {
        BarKind.REQUEST: _("application"),
        BarKind.SESSION: _("Session"),
        BarKind.TRANSACTION: _("transaction"),
        BarKind.HELD: _("connection checked out"),
        BarKind.CODE: _("endpoint, dependency"),
        BarKind.WORK: _("LLM, other work"),
        BarKind.COMMITTING: "commit()",
        BarKind.FLUSH: "flush()",
        BarKind.STATE: _("backend (sampled)"),
        BarKind.STATEMENT: _("statement"),
        BarKind.COMMIT: _("COMMIT or ROLLBACK"),
        BarKind.LOCK: _("lock wait (sampled)"),
        BarKind.WAIT: _("waits for the pool"),
        BarKind.CONNECTING: _("connecting"),
    }[kind]


@singledispatch
def _of(source: object) -> dict[str, Any]:
    """Title, and what else this kind of span has."""
    raise TypeError(source)


@_of.register
def _request(source: Request) -> dict[str, Any]:
    title = _(source.title) if source.title else source.key or source.name
    return {"title": title, "tag": state_word(source.outcome), "error": source.error}


@_of.register
def _session(source: SessionLife) -> dict[str, Any]:
    title = _("Session {name}").format(name=source.name)
    return {"title": title, "session": source.name, "tag": state_word(source.closed_how)}


@_of.register
def _transaction(source: Transaction) -> dict[str, Any]:
    title = _("savepoint") if source.nested else _("transaction of the Session")
    return {"title": title, "tag": state_word(source.outcome)}


@_of.register
def _commit(source: Commit) -> dict[str, Any]:
    return {"title": "Session.commit()", "tag": state_word(source.outcome)}


@_of.register
def _flush(source: Flush) -> dict[str, Any]:
    counts = _("{new} new, {changed} changed, {deleted} deleted")
    told = counts.format(new=source.new, changed=source.changed, deleted=source.deleted)
    return {"title": "Session.flush()", "tag": told}


@_of.register
def _statement(source: Statement) -> dict[str, Any]:
    names = ("sql", "parameters", "many", "tag", "line", "sqlstate")
    error = " ".join(filter(None, (source.message, source.detail)))
    return {"title": _("statement"), "error": error, **{name: getattr(source, name) for name in names}}


@_of.register
def _ending(source: Ending) -> dict[str, Any]:
    by_pool = source.command == "reset"
    return {"title": _("ROLLBACK by the pool, at the return") if by_pool else source.command}


@_of.register
def _wait(source: PoolWait) -> dict[str, Any]:
    if source.timed_out:
        title = _("waited for the pool, in vain")
    else:
        title = _("waits in the pool's queue") if source.queued else _("takes a connection from the pool")
    return {"title": title, "error": source.error}


@_of.register
def _connecting(_source: Connecting) -> dict[str, Any]:
    return {"title": _("a new connection is opened")}


@_of.register
def _hold(source: Hold) -> dict[str, Any]:
    title = _("connection of slot {number} checked out").format(number=source.slot)
    return {"title": title, "error": source.invalidated}


@_of.register
def _work(source: Work) -> dict[str, Any]:
    return {"title": _(source.label) if source.label else "", "error": source.error}


@_of.register
def _state(source: BackendStay) -> dict[str, Any]:
    if not source.wait.startswith("Lock/"):
        state = state_word(source.state)
        return {"title": f"{state} · {source.wait}" if source.wait else state}
    by = ", ".join(map(str, source.blocked_by))
    blocked = _("waits for {lock}, blocked by {backends}")
    return {"title": blocked.format(lock=source.wait, backends=by) if by else source.wait}
