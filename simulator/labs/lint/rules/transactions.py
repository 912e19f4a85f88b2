"""What is not committed, what is committed wrongly, and what holds a transaction for too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint import habits
from simulator.labs.lint.calls import ENDS, STATEMENTS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Binding, Key, constant, parameters, parts
from simulator.labs.lint.loaded import class_name
from simulator.labs.lint.rule import SESSION_DOCS, Found, Rule
from simulator.labs.lint.rules.leaking import is_bound_to_nothing, is_on_connection
from simulator.labs.lint.tree import DEFS, LOOPS, WITHS, Def, Node, With, inside, walk

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
    if any(constant(node) == "AUTOCOMMIT" for node in code.tree.all(nodes.Const)):
        return
    for row in code.bindings:
        function = row.scope
        if row.kind.what not in ("session", "connection") or not isinstance(function, DEFS) or code.is_test(function):
            continue
        if row.kind.by_use or is_on_connection(row.value) or is_bound_to_nothing(code, row.value):
            continue
        writes = [use for use in code.uses_of(row.key) if code.writes(use)]
        if not writes or row.key[0] is not function or _is_committed(code, row):
            continue
        sure = _nobody_else(code, row, function)
        if sure is not None and not any(_is_change(code, use) for use in writes):
            sure = False  # `add(obj)` of an object from elsewhere may only make it known to this Session
        if sure and row.kind.what == "connection" and _is_of_1(code):
            sure = False
        if sure is not None:
            yield Found(writes[0].call, _no_commit_sentence(row.key[1], sure), sure)


def _is_of_1(code: Code) -> bool:
    """`select([...])` is SQLAlchemy 1, where a connection commits each statement by itself."""
    calls = (call for call in code.tree.all(nodes.Call) if code.names.last(call.func) == "select")
    return any(isinstance(value, nodes.List) for call in calls for value in call.args[:1])


def _is_change(code: Code, use: Use) -> bool:
    """Whether rows are sure to change: a statement, or a new object of this function."""
    if use.method not in ("add", "add_all"):
        return True
    made = [part for value in use.call.args for part in code.parts(value) if isinstance(part, nodes.Call)]
    return any(class_name(part.func) for part in made) or use.method == "add_all"


def _is_committed(code: Code, row: Binding) -> bool:
    if code.uses_of(row.key, "commit") or code.begun(row.key) or row.kind.begins:
        return True
    handed = any(code.names.last(node.parent) == "commit" for node in code.loads(row.key))
    helpers = [code.sessions.callee(call) for _node, call in code.passed(row.key)]
    if any(helper is not None and "commit" in _steps(helper) for helper in helpers):
        return True
    return handed or any(use.method == "begin" for use in code.uses_of(row.key))


def _steps(function: Def) -> set[str]:
    return {node.attrname for node in walk(function) if isinstance(node, nodes.Attribute)}


def _nobody_else(code: Code, row: Binding, function: Def) -> bool | None:
    """True: nobody else can commit; False: somebody might; None: it is for others to do."""
    leaves = (nodes.Return, nodes.Yield, nodes.Assign)
    if any(isinstance(node.parent, leaves) for node in code.loads(row.key)):
        return None
    if row.how == "parameter":
        name = _dependency_of(code, row)
        return _left_to(code, row, name) if name and code.is_endpoint(function) else None
    if code.names.is_generator(function):
        return None
    maker = _helper(code, row)
    return _left_to(code, row, maker) if maker else not code.passed(row.key)


def _helper(code: Code, row: Binding) -> str:
    """The function that gives this Session, where it is not SQLAlchemy's: `with session_scope() as db`."""
    call = row.value.value if isinstance(row.value, nodes.Await) else row.value
    last = code.names.last(call.func) if isinstance(call, nodes.Call) else ""
    known = last in code.names.defs and code.names.defs[last] in code.given
    named = last.startswith(("get_", "next")) or last.endswith(("_scope", "_context")) or habits.is_dependency(last)
    return last if known or named else ""


def _left_to(code: Code, row: Binding, name: str) -> bool | None:
    """Whether the function that gives a Session commits it: False if it is not shown, None if it does."""
    if name not in code.names.defs:
        return False
    given = code.names.defs[name]
    yielded = [node.value for node in code.tree.own(given, nodes.Yield, nodes.Return)]
    keys = [key for key in map(code.key, yielded) if key]
    if any(code.uses_of(key, "commit", "begin") or code.begun(key) for key in keys):
        return None
    return bool(keys) and not code.passed(row.key)


def _dependency_of(code: Code, row: Binding) -> str | None:
    """The name of the dependency that a parameter is given by."""
    if not isinstance(row.scope, nodes.FunctionDef):
        return None
    notes = [note for arg, note, _default in parameters(row.scope) if arg.name == row.key[1]]
    values: list[Node | None] = [row.value, *notes, *(code.names.alias(code.names.canonical(note)) for note in notes)]
    for value in values:
        for node in walk(value) if value is not None else ():
            if isinstance(node, nodes.Call) and code.names.last(node.func) == "Depends" and node.args:
                return code.names.last(node.args[0])
    return None


def _no_commit_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} writes and never commits: nothing is stored, and nothing says so.", name=name)
    return Text.of(
        "{name} writes and does not commit here: nothing is stored, unless the commit is elsewhere.", name=name
    )


def swallowed_error(code: Code) -> Iterable[Found]:
    """`except: pass` around a statement, and a commit after it; the same with `suppress`."""
    yield from _swallowed_by_suppress(code)
    for block, handler in handlers(code):
        uses = [
            use for use in _inside(code, block) if use.method in STATEMENTS and not _in_savepoint(code, use.call, block)
        ]
        if not uses or _recovers(code, handler, uses[0].key) or _loop_of(code, block, uses[0].key):
            continue
        key = uses[0].key
        own = any(use.method in ENDS for use in _inside(code, block))
        later = [use for use in code.uses_of(key, "commit") if code.tree.follows(handler.body[-1], use.call)]
        leaves = isinstance(handler.body[-1], nodes.Return)
        around = [outer for outer in code.begun(key) if code.tree.in_body(block, outer.body)]
        if not own and ((later and not leaves) or around):
            yield Found(
                handler,
                _swallowed_sentence(),
                True,
            )


def suppressed(code: Code) -> Iterator[With]:
    """Every `with suppress(IntegrityError):`."""
    for block in code.tree.all(nodes.With):
        for value, _target in block.items:
            if not isinstance(value, nodes.Call) or code.names.last(value.func) != "suppress":
                continue
            if any(code.names.last(kind) in _DB_ERRORS for kind in value.args):
                yield block


def _swallowed_by_suppress(code: Code) -> Iterator[Found]:
    for block in suppressed(code):
        uses = [use for use in code.flow(code.tree.scope[block]) if inside(use.at, block)]
        sent = [use for use in uses if use.method in STATEMENTS]
        if not sent or any(use.method in (*ENDS, "begin_nested") for use in uses):
            continue
        later = [use for use in code.flow(sent[0].scope) if use.key == sent[0].key and use.method == "commit"]
        around = [outer for outer in code.begun(sent[0].key) if inside(block, outer) and outer is not block]
        if around or any(code.tree.follows(block, use.at) for use in later):
            yield Found(block, _swallowed_sentence(), True)


def _swallowed_sentence() -> Text:
    return Text.of("The error is swallowed: the transaction is aborted, and its commit stores nothing.")


def handlers(code: Code) -> Iterator[tuple[nodes.Try, nodes.ExceptHandler]]:
    """Every handler that can catch an error of the database."""
    for block in code.tree.all(nodes.Try):
        for handler in block.handlers:
            kinds = parts(handler.type) if isinstance(handler.type, nodes.Tuple) else [handler.type]
            if any(kind is None or code.names.last(kind) in _DB_ERRORS for kind in kinds):
                yield block, handler


def _inside(code: Code, block: nodes.Try) -> list[Use]:
    scope = code.tree.scope[block]
    return [use for use in code.uses_in(scope) if code.tree.in_body(use.call, block.body)]


def _in_savepoint(code: Code, call: Node, block: nodes.Try) -> bool:
    for outer in code.tree.around(call, *WITHS):
        nested = any("begin_nested" in item[0].as_string() for item in outer.items)
        if nested and code.tree.in_body(outer, block.body):
            return True
    return any("begin_nested" in statement.as_string() for statement in block.body)


def _recovers(code: Code, handler: nodes.ExceptHandler, key: Key) -> bool:
    """Whether a handler raises, rolls back or closes."""
    for node in walk(handler):
        if isinstance(node, nodes.Raise):
            return True
        if isinstance(node, nodes.Call) and code.names.last(node.func) in (
            "rollback",
            "close",
            "abort",
            "exit",
            "reset",
        ):
            return True
    return False


def _loop_of(code: Code, block: nodes.Try, key: Key) -> nodes.For | nodes.AsyncFor | nodes.While | None:
    """The loop around a block, where the Session was made outside the loop."""
    loop = next(code.tree.around(block, *LOOPS), None)
    if loop is None:
        return None
    made = [row.value for row in code.bindings_of(key) if code.tree.in_body(row.value, loop.body)]
    begun = [
        outer
        for outer in code.begun(key)
        if outer in list(block.node_ancestors()) and loop in list(outer.node_ancestors())
    ]
    return None if made or begun else loop


def batch_bad_row(code: Code) -> Iterable[Found]:
    """A loop over rows, one transaction, and a handler that lets the loop go on."""
    for block, handler in handlers(code):
        uses = [use for use in _inside(code, block) if use.method in STATEMENTS]
        loop = _loop_of(code, block, uses[0].key) if uses else None
        if not isinstance(loop, nodes.For | nodes.AsyncFor) or is_retry(code, loop, block):
            continue
        if not any(code.writes(use) or use.method in ("flush", "merge") for use in _inside(code, block)):
            continue
        if any(use.key == uses[0].key and inside(use.call, loop) for use in code.uses if use.method == "begin_nested"):
            continue
        key = uses[0].key
        if any(_in_savepoint(code, use.call, block) for use in uses) or any(
            use.method == "commit" for use in _inside(code, block)
        ):
            continue
        rolls = any(use.method == "rollback" and code.tree.in_body(use.call, handler.body) for use in code.uses_of(key))
        raises = any(isinstance(node, nodes.Raise) for node in walk(handler))
        commits = [use for use in code.uses_of(key, "commit") if loop not in list(use.call.node_ancestors())]
        if (commits or code.begun(key)) and not raises:
            yield Found(handler, _batch_sentence(rolls), True)


def _batch_sentence(rolls: bool) -> Text:
    if rolls:
        return Text.of(
            "This rollback takes the good rows before it away too: one bad row needs a savepoint (begin_nested)."
        )
    return Text.of(
        "After one bad row the transaction is aborted, and "
        "all other rows are lost: it needs a savepoint (begin_nested)."
    )


def is_retry(code: Code, loop: Node, block: nodes.Try) -> bool:
    """A loop that does one thing again: over a range or without end, left when it succeeded."""
    if isinstance(loop, nodes.For | nodes.AsyncFor):
        again = isinstance(loop.iter, nodes.Call) and code.names.last(loop.iter.func) in ("range", "count", "repeat")
    else:
        again = isinstance(loop, nodes.While)
    done = [*block.body, *block.orelse, *getattr(loop, "body", ())]
    return again and any(isinstance(node, nodes.Break | nodes.Return) for part in done for node in walk(part))


def retry_inside(code: Code) -> Iterable[Found]:
    """A retry loop inside the transaction that failed; a retrying decorator on a function that is given its Session."""
    for block, handler in handlers(code):
        uses = [use for use in _inside(code, block) if use.method in STATEMENTS | {"commit"}]
        loop = _loop_of(code, block, uses[0].key) if uses else None
        if loop is None or not is_retry(code, loop, block) or _in_savepoint(code, uses[0].call, block):
            continue
        begun = [outer for outer in code.begun(uses[0].key) if outer in list(loop.node_ancestors())]
        raises = isinstance(handler.body[-1], nodes.Raise)
        if (begun or not _recovers_by_rollback(code, handler)) and not raises:
            yield Found(
                loop,
                Text.of("It tries again in the transaction that failed: that fails too. The loop goes around it."),
                True,
            )
    yield from _retrying_decorator(code)


def _recovers_by_rollback(code: Code, handler: nodes.ExceptHandler) -> bool:
    calls = (node for node in walk(handler) if isinstance(node, nodes.Call))
    return any(code.names.last(call.func) in ("rollback", "close", "reset") for call in calls)


def _retrying_decorator(code: Code) -> Iterator[Found]:
    for function in code.tree.functions():
        keys = [(function, arg.name) for arg, _note, _default in parameters(function)]
        held = [key for key in keys if key in code.sessions.bound and code.kind_of(key).what == "session"]
        if not held or not code.names.decorated(function) & _RETRIES:
            continue
        uses = code.uses_of(held[0])
        if uses and not any(use.method in ("rollback", "begin", "begin_nested", "close") for use in uses):
            yield Found(
                function,
                Text.of(
                    "{name}() is tried again with the Session that it "
                    "is given: the same transaction, unless its caller rolls back.",
                    name=function.name,
                ),
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
