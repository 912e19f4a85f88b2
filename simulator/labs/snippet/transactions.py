"""What is not committed, what is committed wrongly, and what holds a transaction for too long."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import ENDS, STATEMENTS, Code, Use
from simulator.labs.snippet.kinds import Binding, Key, constant, parameters
from simulator.labs.snippet.names import decorated, is_generator
from simulator.labs.snippet.rule import SESSION_DOCS, Found, Rule
from simulator.labs.snippet.tree import DEFS, LOOPS, WITHS, Def

_DB_ERRORS = {
    "SQLAlchemyError",
    "DBAPIError",
    "IntegrityError",
    "OperationalError",
    "ProgrammingError",
    "DataError",
    "DatabaseError",
    "StatementError",
    "InternalError",
    "UniqueViolation",
    "SerializationFailure",
    "DeadlockDetected",
    "StaleDataError",
    "Exception",
    "BaseException",
}
_RETRIES = {"retry", "on_exception", "retry_on_exception", "retrying", "with_retry", "retry_on_deadlock"}


def no_commit(code: Code) -> Iterable[Found]:
    """A function that makes or is injected a Session, writes with it, and commits nowhere."""
    if any(constant(node) == "AUTOCOMMIT" for node in code.tree.all(ast.Constant)):
        return
    for row in code.bindings:
        function = row.scope
        if row.kind.what not in ("session", "connection") or not isinstance(function, DEFS) or code.is_test(function):
            continue
        writes = [use for use in code.uses_of(row.key) if code.writes(use)]
        if not writes or row.key[0] is not function or _is_committed(code, row):
            continue
        sure = _nobody_else(code, row, function)
        if sure is not None:
            yield Found(writes[0].call, _no_commit_sentence(row.key[1], sure), sure)


def _is_committed(code: Code, row: Binding) -> bool:
    if code.uses_of(row.key, "commit") or code.begun(row.key) or row.kind.begins:
        return True
    handed = any(code.names.last(node) == "commit" for node in map(code.tree.parent.get, code.loads(row.key)))
    helpers = [code.names.defs.get(code.names.last(call.func)) for _node, call in code.passed(row.key)]
    if any(helper is not None and "commit" in _steps(helper) for helper in helpers):
        return True
    return handed or any(use.method == "begin" for use in code.uses_of(row.key))


def _steps(function: Def) -> set[str]:
    return {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}


def _nobody_else(code: Code, row: Binding, function: Def) -> bool | None:
    """True: nobody else can commit; False: somebody might; None: it is for others to do."""
    leaves = (ast.Return, ast.Yield, ast.Assign)
    if any(isinstance(code.tree.parent[node], leaves) for node in code.loads(row.key)):
        return None
    if row.how == "parameter":
        name = _dependency_of(code, row)
        return _left_to(code, row, name) if name and code.is_endpoint(function) else None
    if is_generator(code.tree, function):
        return None
    maker = _helper(code, row)
    return _left_to(code, row, maker) if maker else not code.passed(row.key)


def _helper(code: Code, row: Binding) -> str:
    """The function that gives this Session, where it is not SQLAlchemy's: `with session_scope() as db`."""
    call = row.value.value if isinstance(row.value, ast.Await) else row.value
    last = code.names.last(call.func) if isinstance(call, ast.Call) else ""
    known = last in code.names.defs and code.names.defs[last] in code.names.given
    return last if known or last.startswith(("get_", "next")) or last.endswith(("_scope", "_context")) else ""


def _left_to(code: Code, row: Binding, name: str) -> bool | None:
    """Whether the function that gives a Session commits it: False if it is not shown, None if it does."""
    if name not in code.names.defs:
        return False
    given = code.names.defs[name]
    yielded = [node.value for node in code.tree.own(given, ast.Yield, ast.Return)]
    keys = [key for key in map(code.names.key, yielded) if key]
    if any(code.uses_of(key, "commit", "begin") or code.begun(key) for key in keys):
        return None
    return bool(keys) and not code.passed(row.key)


def _dependency_of(code: Code, row: Binding) -> str | None:
    """The name of the dependency that a parameter is given by."""
    notes = [arg.annotation for arg, _default in parameters(row.scope) if arg.arg == row.key[1]]  # type: ignore[arg-type]
    values: list[ast.AST | None] = [row.value, *notes]
    for note in notes:
        values.extend(node for part in [code.names.canonical(note)] for node in code.names.alias_parts(part))
    for value in values:
        for node in ast.walk(value) if value is not None else ():
            if isinstance(node, ast.Call) and code.names.last(node.func) == "Depends" and node.args:
                return code.names.last(node.args[0])
    return None


def _no_commit_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} writes and never commits: nothing is stored, and nothing says so.").format(name=name)
    return _("{name} writes and does not commit here: nothing is stored, unless the commit is elsewhere.").format(
        name=name
    )


def swallowed_error(code: Code) -> Iterable[Found]:
    """`except: pass` around a statement, and a commit after it."""
    for block, handler in _handlers(code):
        uses = [
            use for use in _inside(code, block) if use.method in STATEMENTS and not _in_savepoint(code, use.call, block)
        ]
        if not uses or _recovers(code, handler, uses[0].key) or _loop_of(code, block, uses[0].key):
            continue
        key = uses[0].key
        own = any(use.method in ENDS for use in _inside(code, block))
        later = [use for use in code.uses_of(key, "commit") if code.tree.follows(handler.body[-1], use.call)]
        leaves = isinstance(handler.body[-1], ast.Return)
        around = [outer for outer in code.begun(key) if code.tree.in_body(block, outer.body)]
        if not own and ((later and not leaves) or around):
            yield Found(
                handler, _("The error is swallowed: the transaction is aborted, and its commit stores nothing."), True
            )


def _handlers(code: Code) -> Iterator[tuple[ast.Try, ast.ExceptHandler]]:
    """Every handler that can catch an error of the database."""
    for block in code.tree.all(ast.Try):
        for handler in block.handlers:
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            if any(kind is None or code.names.last(kind) in _DB_ERRORS for kind in kinds):
                yield block, handler


def _inside(code: Code, block: ast.Try) -> list[Use]:
    scope = code.tree.scope[block]
    return [use for use in code.uses_in(scope) if code.tree.in_body(use.call, block.body)]


def _in_savepoint(code: Code, call: ast.AST, block: ast.Try) -> bool:
    for outer in code.tree.around(call, *WITHS):
        nested = any("begin_nested" in ast.dump(item.context_expr) for item in outer.items)
        if nested and code.tree.in_body(outer, block.body):
            return True
    return any("begin_nested" in ast.dump(statement) for statement in block.body)


def _recovers(code: Code, handler: ast.ExceptHandler, key: Key) -> bool:
    """Whether a handler raises, rolls back or closes."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Call) and code.names.last(node.func) in ("rollback", "close", "abort", "exit", "reset"):
            return True
    return False


def _loop_of(code: Code, block: ast.Try, key: Key) -> ast.For | ast.AsyncFor | ast.While | None:
    """The loop around a block, where the Session was made outside the loop."""
    loop = next(code.tree.around(block, *LOOPS), None)
    if loop is None:
        return None
    made = [row.value for row in code.bindings_of(key) if code.tree.in_body(row.value, loop.body)]
    begun = [
        outer for outer in code.begun(key) if outer in code.tree.ancestors(block) and loop in code.tree.ancestors(outer)
    ]
    return None if made or begun else loop


def batch_bad_row(code: Code) -> Iterable[Found]:
    """A loop over rows, one transaction, and a handler that lets the loop go on."""
    for block, handler in _handlers(code):
        uses = [use for use in _inside(code, block) if use.method in STATEMENTS]
        loop = _loop_of(code, block, uses[0].key) if uses else None
        if not isinstance(loop, ast.For | ast.AsyncFor) or _is_retry(code, loop, block):
            continue
        key = uses[0].key
        if any(_in_savepoint(code, use.call, block) for use in uses) or any(
            use.method == "commit" for use in _inside(code, block)
        ):
            continue
        rolls = any(use.method == "rollback" and code.tree.in_body(use.call, handler.body) for use in code.uses_of(key))
        raises = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        commits = [use for use in code.uses_of(key, "commit") if loop not in code.tree.ancestors(use.call)]
        if (commits or code.begun(key)) and not raises:
            yield Found(handler, _batch_sentence(rolls), True)


def _batch_sentence(rolls: bool) -> str:
    if rolls:
        return _("This rollback takes the good rows before it away too: one bad row needs a savepoint (begin_nested).")
    return _(
        "After one bad row the transaction is aborted, and "
        "all other rows are lost: it needs a savepoint (begin_nested)."
    )


def _is_retry(code: Code, loop: ast.AST, block: ast.Try) -> bool:
    """A loop that does one thing again: over a range or without end, left when it succeeded."""
    if isinstance(loop, ast.For | ast.AsyncFor):
        again = isinstance(loop.iter, ast.Call) and code.names.last(loop.iter.func) in ("range", "count", "repeat")
    else:
        again = isinstance(loop, ast.While)
    done = [*block.body, *block.orelse, *getattr(loop, "body", ())]
    return again and any(isinstance(node, ast.Break | ast.Return) for part in done for node in ast.walk(part))


def retry_inside(code: Code) -> Iterable[Found]:
    """A retry loop inside the transaction that failed; a retrying decorator on a function that is given its Session."""
    for block, handler in _handlers(code):
        uses = [use for use in _inside(code, block) if use.method in STATEMENTS | {"commit"}]
        loop = _loop_of(code, block, uses[0].key) if uses else None
        if loop is None or not _is_retry(code, loop, block) or _in_savepoint(code, uses[0].call, block):
            continue
        begun = [outer for outer in code.begun(uses[0].key) if outer in code.tree.ancestors(loop)]
        raises = isinstance(handler.body[-1], ast.Raise)
        if (begun or not _recovers_by_rollback(code, handler)) and not raises:
            yield Found(
                loop, _("It tries again in the transaction that failed: that fails too. The loop goes around it."), True
            )
    yield from _retrying_decorator(code)


def _recovers_by_rollback(code: Code, handler: ast.ExceptHandler) -> bool:
    calls = (node for node in ast.walk(handler) if isinstance(node, ast.Call))
    return any(code.names.last(call.func) in ("rollback", "close", "reset") for call in calls)


def _retrying_decorator(code: Code) -> Iterator[Found]:
    for function in code.tree.functions():
        keys = [(function, arg.arg) for arg, _default in parameters(function)]
        held = [key for key in keys if key in code.names.bound and code.names.bound[key].what == "session"]
        if not held or not decorated(code.names, function) & _RETRIES:
            continue
        uses = code.uses_of(held[0])
        if uses and not any(use.method in ("rollback", "begin", "begin_nested", "close") for use in uses):
            yield Found(
                function,
                _(
                    "{name}() is tried again with the Session that it "
                    "is given: the same transaction, unless its caller rolls back."
                ).format(name=function.name),
                False,
            )


RULES = (
    Rule(
        "no_commit",
        N_("Without a commit the Session rolls back when it is closed: no error, no row."),
        SESSION_DOCS + "#committing",
        no_commit,
    ),
    Rule(
        "swallowed_error",
        N_("After a failed statement PostgreSQL accepts nothing more in the transaction; COMMIT then rolls back."),
        SESSION_DOCS + "#rolling-back",
        swallowed_error,
    ),
    Rule(
        "batch_bad_row",
        N_("One bad row fails the whole transaction, the good rows too."),
        "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint",
        batch_bad_row,
    ),
    Rule(
        "retry_inside",
        N_("What failed is the transaction and not the statement: it must begin anew."),
        "https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html",
        retry_inside,
    ),
)
