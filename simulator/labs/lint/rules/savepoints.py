"""Commits and savepoints in blocks that end transactions themselves."""

from __future__ import annotations

from collections.abc import Iterable

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import STATEMENTS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.rule import SESSION_DOCS, Found, Rule
from simulator.labs.lint.rules.transactions import handlers, is_retry
from simulator.labs.lint.tree import LOOPS, WITHS, Node, With, inside, position, walk

_TRANSACTIONS = "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html"


def commit_inside_begin(code: Code) -> Iterable[Found]:
    """`session.commit()` in a `with session.begin():`, also by a function that is called there."""
    for scope in [*code.tree.functions(), code.tree.module]:
        flow = code.flow(scope)
        for use in flow:
            block = _begun_around(code, use) if use.method == "commit" and use.key[1] else None
            if block is None or _is_of_savepoint(code, use):
                continue
            after = [later for later in flow if later.key == use.key and _comes_after(code, use, later, block)]
            certain = bool(after)
            place = use.call if code.tree.scope[use.call] is scope else use.at
            yield Found(place, _commit_sentence(use.key[1], certain), certain)


def _begun_around(code: Code, use: Use) -> With | None:
    return next((block for block in code.begun(use.key) if code.tree.in_body(use.at, block.body)), None)


def _is_of_savepoint(code: Code, use: Use) -> bool:
    """`with session.begin_nested() as nested: nested.commit()` is another thing's commit."""
    return use.kind.what not in ("session", "connection")


def _comes_after(code: Code, use: Use, later: Use, block: With) -> bool:
    if later is use or later.method in ("close", "rollback", "begin") or not inside(later.at, block):
        return False
    loops = [loop for loop in code.tree.around(use.at, *LOOPS) if inside(loop, block)]
    return code.tree.follows(use.at, later.at) or any(inside(later.at, loop) for loop in loops)


def _commit_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "This commit ends the transaction that the with holds: the next statement of {name} in it is refused.",
            name=name,
        )
    return Text.of(
        "The with commits by itself; after this commit {name} can do nothing more in it: a mistake if anything "
        "follows.",
        name=name,
    )


def add_before_savepoint(code: Code) -> Iterable[Found]:
    """`add(x)`, then `begin_nested()`: the savepoint begins with a flush, so x fails outside of it."""
    for use in code.uses:
        if use.method != "begin_nested":
            continue
        block = next(
            (one for one in code.tree.around(use.call, *WITHS) if any(inside(use.call, v) for v, _t in one.items)), None
        )
        adds = [
            other
            for other in code.flow(use.scope)
            if other.key == use.key
            and other.method in ("add", "add_all", "merge", "delete")
            and code.tree.follows(other.at, use.call)
            and (block is None or not inside(other.at, block))
            and not _is_sent(code, other, use)
        ]
        if adds and _guards_nothing_else(code, use, block):
            yield Found(adds[-1].at, _savepoint_sentence(), True)


def _savepoint_sentence() -> Text:
    return Text.of(
        "begin_nested() flushes this first: it fails before the savepoint, and takes the whole transaction along."
    )


def _is_sent(code: Code, add: Use, nested: Use) -> bool:
    """Whether a flush or commit stands between an add and the savepoint."""
    ends = [use for use in code.flow(add.scope) if use.key == add.key and use.method in ("flush", "commit", "rollback")]
    return any(code.tree.follows(add.at, end.at) and code.tree.follows(end.at, nested.call) for end in ends)


def _guards_nothing_else(code: Code, nested: Use, block: With | None) -> bool:
    """Whether what was added before is all that the savepoint can be for."""
    if block is not None:
        own = [
            use for use in code.flow(nested.scope) if use.key == nested.key and code.tree.in_body(use.at, block.body)
        ]
        called = [node for statement in block.body for node in walk(statement) if isinstance(node, nodes.Call)]
        return all(use.method in ("flush", "commit") for use in own) and len(called) <= len(own)
    later = [use for use in code.flow(nested.scope) if use.key == nested.key and code.tree.follows(nested.call, use.at)]
    first = next(iter(sorted(later, key=lambda use: position(use.at))), None)
    return first is not None and first.method == "flush"


def swallowed_commit_error(code: Code) -> Iterable[Found]:
    """`try: commit() except: pass`: the Session stays in its failed transaction, and nobody hears of it."""
    for block, handler in handlers(code):
        scope = code.tree.scope[block]
        commits = [
            use
            for use in code.flow(scope)
            if use.method == "commit" and use.kind.what == "session" and code.tree.in_body(use.at, block.body)
        ]
        if not commits or _is_made_inside(code, commits[0], block):
            continue
        if _is_answered(code, handler):
            if _is_forgotten(code, block, handler, commits[0]):
                yield Found(handler, _forgotten_sentence(), False)
            continue
        if _is_tried_again(code, block, handler, commits[0]):
            continue
        key = commits[0].key
        later = [
            use
            for use in code.flow(scope)
            if use.key == key
            and use.method in STATEMENTS | {"add", "commit"}
            and code.tree.follows(handler.body[-1], use.at)
        ]
        loop = next(
            (one for one in code.tree.around(block, *LOOPS) if not _is_made_inside(code, commits[0], one)), None
        )
        certain = bool(later or loop is not None or isinstance(handler.body[-1], nodes.Pass))
        yield Found(handler, _swallowed_sentence(key[1], certain), certain)


def _is_tried_again(code: Code, block: nodes.Try, handler: nodes.ExceptHandler, use: Use) -> bool:
    """A loop that tries again, which has a rule of its own, or goes on with a Session of its own each time."""
    loop = next(code.tree.around(block, *LOOPS), None)
    if loop is None:
        return False
    return is_retry(code, loop, block) or (
        isinstance(handler.body[-1], nodes.Continue) and _is_made_inside(code, use, loop)
    )


def _is_answered(code: Code, handler: nodes.ExceptHandler) -> bool:
    """Whether a handler raises, rolls back, closes, or hands the Session or the error on to something that may."""
    ends = ("rollback", "close", "remove", "abort", "exit", "reset", "invalidate", "aclose", "expunge_all", "sys.exit")
    for node in walk(handler):
        if isinstance(node, nodes.Raise):
            return True
        if isinstance(node, nodes.Call):
            last = code.names.last(node.func)
            if last in ends or "rollback" in last.lower() or "fail" in last.lower() or "error_response" in last.lower():
                return True
            if any(code.key(value) for value in node.args) or _is_handed_on(code, handler, node):
                return True
    last_stmt = handler.body[-1]
    return isinstance(last_stmt, nodes.Return) and last_stmt.value is not None and _is_error(last_stmt.value)


def _is_forgotten(code: Code, block: nodes.Try, handler: nodes.ExceptHandler, use: Use) -> bool:
    """A rollback and nothing more, and after it the function goes on as if all was stored."""
    if block.orelse or any(True for _loop in code.tree.around(block, *LOOPS)):
        return False
    for statement in handler.body:
        called = (
            statement.value.value
            if isinstance(statement, nodes.Expr) and isinstance(statement.value, nodes.Await)
            else None
        )
        called = called or (statement.value if isinstance(statement, nodes.Expr) else None)
        if not isinstance(called, nodes.Call) or not _is_rollback_or_log(code, called):
            return False
    rolls = any(use.method == "rollback" and inside(use.at, handler) for use in code.flow(use.scope))
    asks = [
        one for one in code.flow(use.scope) if one.method in STATEMENTS and code.tree.follows(handler.body[-1], one.at)
    ]
    return rolls and not asks and isinstance(use.scope, nodes.FunctionDef) and _says_more(use.scope, block)


def _is_rollback_or_log(code: Code, call: nodes.Call) -> bool:
    last = code.names.last(call.func)
    return last in ("rollback", "exception", "error", "warning", "info", "debug", "print", "critical", "warn")


def _says_more(function: nodes.FunctionDef, block: nodes.Try) -> bool:
    """Whether something is returned in the end, whatever happened."""
    returns = [node for node in function.body if isinstance(node, nodes.Return) and node.value is not None]
    return any(position(node) > position(block) for node in returns)


def _forgotten_sentence() -> Text:
    return Text.of(
        "The commit failed, and after the rollback all goes on as if it was stored: a mistake unless this is told."
    )


def _is_handed_on(code: Code, handler: nodes.ExceptHandler, call: nodes.Call) -> bool:
    """Whether something that is no log is given the error: it may do what has to be done."""
    named = {part.name for value in call.args for part in [value] if isinstance(part, nodes.Name)}
    last = code.names.last(call.func)
    logs = last in (
        "exception",
        "error",
        "warning",
        "info",
        "debug",
        "print",
        "critical",
        "warn",
        "str",
        "repr",
        "format_exc",
    )
    return handler.name is not None and handler.name.name in named and not logs


def _is_error(value: Node) -> bool:
    """`return False`, `return JSONResponse(..., 409)`: told, even if the Session is left as it is."""
    told = value.as_string().lower()
    return any(word in told for word in ("error", "fail", "status", "400", "409", "500", "false", "abort", "none"))


def _is_made_inside(code: Code, use: Use, block: Node) -> bool:
    return any(inside(row.value, block) for row in code.bindings_of(use.key))


def _swallowed_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "The commit failed and nobody is told: nothing is stored, and {name} refuses everything until a rollback.",
            name=name,
        )
    return Text.of(
        "The commit failed and no rollback follows: nothing is stored, and {name} is of no use, "
        "unless whoever is called next rolls it back.",
        name=name,
    )


RULES = (
    Rule(
        "commit_inside_begin",
        N_("A with on begin() holds one transaction: a commit inside ends it, and the block accepts nothing more."),
        _TRANSACTIONS + "#framing-out-a-begin-commit-rollback-block",
        commit_inside_begin,
    ),
    Rule(
        "add_before_savepoint",
        N_("A savepoint takes back only what was flushed after it began."),
        _TRANSACTIONS + "#using-savepoint",
        add_before_savepoint,
    ),
    Rule(
        "swallowed_commit_error",
        N_("After a failed flush a Session waits for its rollback: until then each use raises PendingRollbackError."),
        SESSION_DOCS + "#rolling-back",
        swallowed_commit_error,
    ),
)
