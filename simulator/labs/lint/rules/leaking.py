"""Sessions and Connections that nobody gives back, or not when something fails."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Binding, Key, decorators
from simulator.labs.lint.rule import FASTAPI_DOCS, POOL_DOCS, SESSION_DOCS, Found, Rule
from simulator.labs.lint.tree import DEFS, WITHS, Def, Node, walk

_BROAD = ("", "Exception", "BaseException")


def connection_leak(code: Code) -> Iterable[Found]:
    """`db = SessionLocal()` in a function, never closed."""
    for row, function in _made_in_functions(code):
        if code.names.is_generator(function) and _yields(code, row.key):
            continue
        if _owned(code, row.key) or code.closers(row.key) or function.name == "main":
            continue
        if not _leaves(code, row.key):
            certain = not _handed_on(code, row.key)
            yield Found(row.value, _leak_sentence(row.key[1], certain), certain)
    yield from _given_to_depends(code)
    yield from _never_named(code)
    yield from _kept_on_self(code)


def _made_in_functions(code: Code) -> Iterator[tuple[Binding, Def]]:
    """Sessions and Connections that a function makes and names, other than by `with`."""
    for row in code.bindings:
        function = row.scope
        if row.how != "assigned" or row.kind.what not in ("session", "connection") or not isinstance(function, DEFS):
            continue
        if row.kind.by_use or is_on_connection(row.value) or is_bound_to_nothing(code, row.value):
            continue
        own = row.key[0] is function and isinstance(row.value, nodes.Call | nodes.Await) and not row.kind.registry
        if own and _is_new(code, row.value) and not code.is_test(function):
            yield row, function


def is_bound_to_nothing(code: Code, value: Node) -> bool:
    """`Session()` of SQLAlchemy's own class has no engine, and takes no connection."""
    if not isinstance(value, nodes.Call) or value.args or value.keywords:
        return False
    name = code.names.canonical(value.func)
    return name.startswith("sqlalchemy.") and name.endswith("Session")


def is_on_connection(value: Node) -> bool:
    """`Session(bind=connection)`: it borrows a connection that somebody else gives back."""
    call = value.value if isinstance(value, nodes.Await) else value
    if not isinstance(call, nodes.Call):
        return False
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "bind")]
    return any(re.search(r"bind|conn", one.as_string(), re.IGNORECASE) for one in given)


def _is_new(code: Code, value: Node) -> bool:
    """Whether this call makes a Session, and not another owner: an ExitStack, or a helper of the snippet."""
    call = value.value if isinstance(value, nodes.Await) else value
    if not isinstance(call, nodes.Call):
        return False
    last = code.names.last(call.func)
    if last in ("closing", "aclosing", "enter_context", "enter_async_context", "execution_options"):
        return False
    function = code.sessions.callee(call)
    return function is None or function not in code.sessions.given


def _owned(code: Code, key: Key) -> bool:
    """Whether a `with` ends it: `with db:`, `with db.begin():`, `closing(db)`."""
    for node in code.loads(key):
        if isinstance(node.parent, nodes.With) and any(value is node for value, _target in node.parent.items):
            return True
    taken = ("closing", "aclosing", "enter_context", "enter_async_context", "register")
    return bool(code.begun(key)) or any(code.names.last(call.func) in taken for _node, call in code.passed(key))


def _yields(code: Code, key: Key) -> bool:
    return any(isinstance(node.parent, nodes.Yield) for node in code.loads(key))


def _leaves(code: Code, key: Key) -> bool:
    """Whether it is returned or kept, so that somebody else may close it."""
    for node in code.loads(key):
        parent = node.parent
        if isinstance(parent, nodes.Return | nodes.Yield | nodes.Assign | nodes.Tuple | nodes.Dict | nodes.List):
            return True
    return False


def _handed_on(code: Code, key: Key) -> bool:
    return bool(code.passed(key))


def _leak_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is never closed: its connection is given back late, or not at all.", name=name)
    return Text.of(
        "{name} is not closed here: its connection stays out, unless what it is handed to closes it.", name=name
    )


def _given_to_depends(code: Code) -> Iterator[Found]:
    """`def get_db(): return SessionLocal()` with `Depends(get_db)`."""
    for function, kind in code.given.items():
        if code.names.is_generator(function) or kind.registry or code.is_test(function) or decorators(function):
            continue
        for node in code.tree.own(function, nodes.Return):
            if code.kind(node.value) and code.depends_on(function.name) and _is_made_here(code, node, function):
                yield Found(
                    node,
                    Text.of(
                        "{name}() returns a Session and nobody closes it: FastAPI closes only after a yield.",
                        name=function.name,
                    ),
                    True,
                )


def _is_made_here(code: Code, node: nodes.Return, function: Def) -> bool:
    key = code.key(node.value)
    return key is None or key[0] is function


def _never_named(code: Code) -> Iterator[Found]:
    """`SessionLocal().execute(...)`."""
    for use in code.uses:
        made = use.call.func.expr if isinstance(use.call.func, nodes.Attribute) else None
        if (
            use.key[1]
            or use.kind.registry
            or not isinstance(made, nodes.Call)
            or use.method in ("begin", "close", "__enter__")
        ):
            continue
        function = code.tree.function(use.call)
        if function and not code.is_test(function) and _is_new(code, made) and code.names.last(made.func) != "next":
            yield Found(use.call, Text.of("This Session has no name, so nothing closes it."), True)


def _kept_on_self(code: Code) -> Iterator[Found]:
    """`self.db = SessionLocal()` in a class whose methods never close it."""
    for row in code.bindings:
        made = row.how == "assigned" and isinstance(row.value, nodes.Call) and isinstance(row.scope, DEFS)
        if not made or not row.key[1].startswith("self.") or row.kind.what not in ("session", "connection"):
            continue
        if (
            row.kind.by_use
            or row.kind.registry
            or _owned(code, row.key)
            or code.closers(row.key)
            or not _is_new(code, row.value)
        ):
            continue
        yield Found(
            row.value,
            Text.of(
                "{name} is not closed by any method here: its connection stays out, unless its users close it.",
                name=row.key[1],
            ),
            False,
        )


def no_finally(code: Code) -> Iterable[Found]:
    """A close that an exception jumps over, most of all after a `yield`."""
    for row, function in _made_in_functions(code):
        if _owned(code, row.key):
            continue
        closes = [node for node in code.closers(row.key) if code.tree.function(node) is function]
        generator = code.names.is_generator(function) and _yields(code, row.key)
        if generator and not code.closers(row.key):
            yield Found(row.value, Text.of("{name} is yielded and never closed.", name=row.key[1]), True)
        if closes and not any(_is_sure(code, node) for node in closes) and not _all_caught(code, row, closes):
            yield Found(closes[-1], _unsure_sentence(row.key[1], generator), True)


def _unsure_sentence(name: str, generator: bool) -> Text:
    if generator:
        return Text.of(
            "This close is not in a finally: an error in the endpoint is raised at the yield and jumps over it."
        )
    return Text.of(
        "This close is not in a finally: an error before it jumps over it, and {name} keeps its connection.", name=name
    )


def _is_sure(code: Code, node: Node) -> bool:
    """In a `finally`, or only handed on to be called later (`stack.callback(db.close)`)."""
    called = isinstance(call := node.parent, nodes.Call) and call.func is node
    return not called or code.tree.in_finally(node) is not None


def _all_caught(code: Code, row: Binding, closes: list[nodes.Attribute]) -> bool:
    """Whether a broad handler closes, or swallows what was raised so that the close below is reached."""
    for node in code.tree.own(row.scope, nodes.Try):
        for handler in node.handlers:
            broad = code.names.last(handler.type) in _BROAD
            leaves = any(isinstance(part, nodes.Raise | nodes.Return) for part in walk(handler))
            if broad and (not leaves or any(code.tree.in_body(close, handler.body) for close in closes)):
                return True
    return False


def from_next(code: Code) -> Iterable[Found]:
    """`db = next(get_db())`: the generator is thrown away, and with it what would close the Session."""
    for call in code.tree.all(nodes.Call):
        kind = code.kind(call) if code.names.last(call.func) in ("next", "anext") else None
        function = code.tree.function(call)
        if not kind or kind.what != "session" or not call.args or not isinstance(call.args[0], nodes.Call):
            continue
        target = next((row.key for row in code.bindings if row.value in (call, call.parent)), None)
        if function and code.is_test(function):
            continue
        if target is None or not (code.closers(target) or any(True for _w in code.tree.around(call, *WITHS))):
            yield Found(
                call,
                Text.of("next() takes the Session out of its generator: what comes after its yield no longer ends it."),
                True,
            )


RULES = (
    Rule(
        "connection_leak",
        N_("A Session that is not closed keeps its connection; when the pool is empty, every request waits and fails."),
        SESSION_DOCS + "#closing",
        connection_leak,
    ),
    Rule(
        "connection_leak",
        N_("A Session that is not closed keeps its connection; when the pool is empty, every request waits and fails."),
        POOL_DOCS,
        from_next,
    ),
    Rule(
        "no_finally",
        N_("An error skips the close: each failed request keeps a connection, until the pool is empty."),
        FASTAPI_DOCS,
        no_finally,
    ),
)
