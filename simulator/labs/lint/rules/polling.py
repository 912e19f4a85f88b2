"""Loops that poll inside one transaction, and locks of a server's session that outlive a loan from the pool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import ENDS, READS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import constant
from simulator.labs.lint.rule import POOL_DOCS, Found, Rule
from simulator.labs.lint.tree import WITHS, Node, With, inside, walk

_SLEEPS = frozenset(["sleep", "wait", "delay", "pause"])
_FRESH = ENDS | {"expire_all", "expunge_all", "begin"}
_LOCK = re.compile(r"\bpg_(try_)?advisory_lock(_shared)?\b", re.IGNORECASE)
_UNLOCK = re.compile(r"\bpg_advisory_unlock(_shared|_all)?\b", re.IGNORECASE)


def stale_worker_loop(code: Code) -> Iterable[Found]:
    """`while True:` around queries of one Session, with no commit, rollback or close in it."""
    levels = {
        str(constant(node)).upper().replace("_", " ")
        for node in code.tree.all(nodes.Const)
        if isinstance(constant(node), str)
    }
    if "AUTOCOMMIT" in levels:
        return
    certain = bool(levels & {"REPEATABLE READ", "SERIALIZABLE"})
    done: set[nodes.Call] = set()
    for scope in [*code.tree.functions(), code.tree.module]:
        for loop in _polls(code, scope):
            use = _reads_on(code, scope, loop)
            if use is not None and use.call not in done:
                done.add(use.call)
                place = use.call if code.tree.scope[use.call] is scope else use.at
                yield Found(place, _stale_sentence(use.key[1], certain), certain)


def _stale_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} stays in one transaction: this loop never sees what others commit.", name=name)
    return Text.of(
        "{name} stays in one transaction while this loop runs: objects keep their old values, and under "
        "REPEATABLE READ "
        "no new row is ever seen; a mistake unless it ends somewhere else.",
        name=name,
    )


def _polls(code: Code, scope: Node) -> Iterator[nodes.While | nodes.For]:
    """Loops without end, and loops that sleep."""
    for loop in code.tree.own(scope, nodes.While):
        called = {code.names.last(node.func) for node in walk(loop) if isinstance(node, nodes.Call)}
        endless = bool(constant(loop.test)) and not _is_left(loop)
        if endless or called & _SLEEPS:
            yield loop
    for each in code.tree.own(scope, nodes.For, nodes.AsyncFor):
        called = {code.names.last(node.func) for node in walk(each) if isinstance(node, nodes.Call)}
        if called & _SLEEPS and _is_counted(code, each.iter):
            yield each
            continue
        if isinstance(each.iter, nodes.Call) and code.names.canonical(each.iter.func) in (
            "itertools.count",
            "count",
            "itertools.repeat",
        ):
            yield each


def _is_counted(code: Code, head: Node) -> bool:
    """`range(10)`, `(1, 2, 3)`: the same thing several times, and not once for each row."""
    if isinstance(head, nodes.Call):
        return code.names.last(head.func) == "range"
    return isinstance(head, nodes.Tuple | nodes.List) and all(isinstance(part, nodes.Const) for part in head.elts)


def _is_left(loop: nodes.While) -> bool:
    return any(isinstance(node, nodes.Break | nodes.Return) for node in walk(loop))


def _reads_on(code: Code, scope: Node, loop: nodes.While | nodes.For) -> Use | None:
    """The first query of a Session from outside the loop that nothing in the loop ends."""
    inner = [use for use in code.flow(scope) if inside(use.at, loop)]
    for use in inner:
        if use.method not in READS | {"refresh"} or not use.key[1] or use.awaited is None:
            continue
        made = [row.value for row in code.bindings_of(use.key)]
        ended = any(other.key == use.key and other.method in _FRESH for other in inner)
        if (
            ended
            or any(inside(value, loop) for value in made)
            or _is_entered(code, use, loop)
            or _is_handed(code, use, loop)
        ):
            continue
        return use
    return None


def _is_entered(code: Code, use: Use, loop: Node) -> bool:
    """`with session:` or `with app.app_context():` in the loop ends it each time."""
    blocks = [block for block in code.tree.around(use.at, *WITHS) if inside(block, loop)]
    heads = [value for block in blocks for value, _target in block.items]
    return any(code.key(value) == use.key or "app_context" in value.as_string() for value in heads)


def _is_handed(code: Code, use: Use, loop: Node) -> bool:
    """Whether the Session is handed to something not shown, which may end it."""
    for _node, call in code.passed(use.key):
        if (
            inside(call, loop)
            and code.sessions.callee(call) is None
            and code.names.last(call.func) not in ("print", "len")
        ):
            return True
    calls = [node for node in walk(loop) if isinstance(node, nodes.Call)]
    ends = {code.names.last(call.func) for call in calls}
    return bool(ends & {"commit", "rollback", "remove", "close", "remove_session", "close_all_sessions"})


def advisory_lock_pool(code: Code) -> Iterable[Found]:
    """`pg_advisory_lock` on a connection that goes back to the pool with it, or unlocked on another one."""
    if any(code.names.last(node) == "NullPool" for node in code.tree.all(nodes.Name, nodes.Attribute)):
        return
    unlocks = [use for use in code.uses if _says(code, use, _UNLOCK)]
    for use in code.uses:
        function = code.tree.function(use.call)
        if not _says(code, use, _LOCK) or (function is not None and code.is_test(function)):
            continue
        sure = _is_lost(code, use, unlocks)
        if sure is not None:
            yield Found(use.call, _advisory_sentence(use.key[1], sure), sure)


def _advisory_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "This lock belongs to a connection, and {name} gives it back to the pool with the lock: an unlock "
            "elsewhere "
            "does nothing.",
            name=name,
        )
    return Text.of(
        "This lock belongs to a connection of the pool: a mistake if {name} commits or is closed before the unlock.",
        name=name,
    )


def _says(code: Code, use: Use, pattern: re.Pattern[str]) -> bool:
    """Whether a statement calls such a function, in its text or by `func`."""
    if use.method not in ("execute", "scalar", "scalars", "exec", "exec_driver_sql", "query"):
        return False
    for value in use.call.args[:1]:
        for part in code.parts(value):
            named = isinstance(part, nodes.Attribute) and pattern.fullmatch(part.attrname)
            told = isinstance(part, nodes.Const) and isinstance(part.value, str) and pattern.search(part.value)
            if named or told:
                return True
    return False


def _is_lost(code: Code, use: Use, unlocks: list[Use]) -> bool | None:
    """True: the connection is given back with the lock; False: perhaps; None: it is unlocked where it was locked."""
    block = _holder(code, use)
    same = [one for one in unlocks if one.key == use.key and one.scope is use.scope and _holder(code, one) is block]
    if use.kind.what == "connection":
        if same:
            return None
        if block is not None:
            return not _is_kept(code, block)
        return False if not any(one.key == use.key for one in unlocks) else None
    if _is_on_connection(code, use):
        return None
    if not same:
        others = [one for one in unlocks if one.key == use.key]
        return None if others and isinstance(use.key[0], nodes.ClassDef) else bool(unlocks) or block is not None
    ends = [one for one in code.flow(use.scope) if one.key == use.key and one.method in ("commit", "rollback", "close")]
    between = [
        one
        for one in ends
        if code.tree.follows(use.call, one.at) and any(code.tree.follows(one.at, last.call) for last in same)
    ]
    return True if between else None


def _holder(code: Code, use: Use) -> With | None:
    """The innermost `with` that gives the connection or Session of this call."""
    for block in code.tree.around(use.call, *WITHS):
        if any(target is not None and code.key(target) == use.key for _value, target in block.items):
            return block  # type: ignore[no-any-return]
    return None


def _is_kept(code: Code, block: With) -> bool:
    """Whether the connection is taken from the pool for good, so that its end unlocks."""
    return any(
        "detach" in node.attrname or "invalidate" in node.attrname
        for node in walk(block)
        if isinstance(node, nodes.Attribute)
    )


def _is_on_connection(code: Code, use: Use) -> bool:
    """A Session that is bound to one connection keeps it."""
    for row in code.bindings_of(use.key):
        for value in [*getattr(row.value, "args", ()), *(word.value for word in getattr(row.value, "keywords", ()))]:
            kind = code.kind(value) if isinstance(value, nodes.Name | nodes.Attribute) else None
            if kind is not None and kind.what == "connection":
                return True
    return False


RULES = (
    Rule(
        "stale_worker_loop",
        N_(
            "A transaction that goes on sees what its snapshot shows, and a Session what it has loaded: end it "
            "each round."
        ),
        "https://www.postgresql.org/docs/current/transaction-iso.html",
        stale_worker_loop,
    ),
    Rule(
        "advisory_lock_pool",
        N_(
            "A session's advisory lock is held by a session of the server: by a connection, which the pool "
            "lends to others."
        ),
        POOL_DOCS + "#reset-on-return",
        advisory_lock_pool,
    ),
)
