"""Engines: made anew for each request, or inherited by a process that was forked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.habits import FOREIGN
from simulator.labs.lint.kinds import constant, keyword
from simulator.labs.lint.rule import POOL_DOCS, Found, Rule
from simulator.labs.lint.tree import DEFS, Def, Node, position, walk

_MAKERS = ("create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config")
_KEPT = frozenset(["lru_cache", "cache", "cached", "cached_property", "singleton", "cache_resource", "cache_data"])
_ONCE = ("main", "init", "setup", "startup", "lifespan", "create_app", "make_app", "run_migrations", "configure", "on_")
_TASKS = frozenset(["task", "shared_task", "actor", "periodic_task", "job"])
_FORKS = ("Pool", "Process", "ProcessPoolExecutor")
_RUNS = frozenset(
    ["map", "starmap", "imap", "imap_unordered", "map_async", "apply", "apply_async", "submit", "starmap_async"]
)
_GLOBALS = ("engine", "factory", "session", "connection", "registry")


def engine_per_request(code: Code) -> Iterable[Found]:
    """`create_engine` in a dependency, an endpoint, a task, or in what one of these calls."""
    for call in code.tree.all(nodes.Call):
        function = code.tree.function(call)
        if code.names.last(call.func) not in _MAKERS or code.names.canonical(call.func).partition(".")[0] in FOREIGN:
            continue
        if function is None or _is_made_once(code, call, function):
            continue
        callers = _requests(code, function, 3)
        for place, name in callers:
            yield Found(place, _engine_sentence(name, True), True)
        if callers or _is_of_request(code, function):
            yield Found(call, _engine_sentence(function.name, True), True)
        elif (_gives_session(code, function) or _is_thrown_away(code, call, function)) and not _is_called(
            code, function
        ):
            yield Found(call, _engine_sentence(function.name, False), False)


def _engine_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name}() makes an engine, with a pool of its own, for each request: nothing is pooled.", name=name
        )
    return Text.of(
        "{name}() makes an engine, with a pool of its own, each time: a mistake if it runs once a request.", name=name
    )


def _is_made_once(code: Code, call: nodes.Call, function: Def) -> bool:
    """In a test, at the start of a program, behind a cache or a guard, or with nothing to pool."""
    if code.is_test(function) or code.names.decorated(function) & _KEPT or function.name.startswith("__"):
        return True
    if function.name.lower().lstrip("_").startswith(_ONCE) or any(True for _ in code.tree.own(function, nodes.Global)):
        return True
    pool = keyword(call, "poolclass")
    if pool is not None and code.names.last(pool) in ("NullPool", "StaticPool"):
        return True
    if str(constant(call.args[0]) if call.args else "").startswith("sqlite"):
        return True
    guarded = any(
        " is None" in block.test.as_string() or "not " in block.test.as_string() or " in " in block.test.as_string()
        for block in code.tree.around(call, nodes.If)
    )
    return (
        guarded
        or _is_kept(code, call)
        or any(node.attrname == "dispose" for node in walk(function) if isinstance(node, nodes.Attribute))
    )


def _is_kept(code: Code, call: nodes.Call) -> bool:
    """`self.engine = create_engine(...)`, `app.state.engine = ...`, `cache[url] = ...`."""
    holder = call.statement()
    return isinstance(holder, nodes.Assign) and not isinstance(holder.targets[0], nodes.AssignName | nodes.Tuple)


def _is_of_request(code: Code, function: Def) -> bool:
    """Whether this runs once a request, or once a task."""
    if code.is_endpoint(function) or code.depends_on(function.name) or code.names.decorated(function) & _TASKS:
        return True
    nexts = any(code.names.last(call.func) == "call_next" for call in code.tree.own(function, nodes.Call))
    return nexts or ("before_request" in code.names.decorated(function))


def _requests(code: Code, function: Def, depth: int) -> list[tuple[Node, str]]:
    """Where functions that run once a request call this one, also through others."""
    found: list[tuple[Node, str]] = []
    for call in _calls_of(code, function):
        outer = code.tree.function(call)
        if outer is None or outer is function or _is_made_once(code, call, outer):
            continue
        if _is_of_request(code, outer):
            found.append((call, outer.name))
        elif depth:
            found.extend(_requests(code, outer, depth - 1))
    return found


def _calls_of(code: Code, function: Def) -> Iterator[nodes.Call]:
    return (call for call in code.tree.all(nodes.Call) if code.sessions.callee(call) is function)


def _is_called(code: Code, function: Def) -> bool:
    return any(True for _ in _calls_of(code, function))


def _is_thrown_away(code: Code, call: nodes.Call, function: Def) -> bool:
    """A method of an object, or a function of a server, that makes an engine for itself."""
    return isinstance(call.parent, nodes.Assign) and (function.is_method() or code.serves)


def _gives_session(code: Code, function: Def) -> bool:
    return function in code.given and not code.is_context(function) and code.serves | code.names.is_generator(function)


def engine_across_fork(code: Code) -> Iterable[Found]:
    """A pool of connections that a forked process inherits: `Process(target=f)`, `Pool().map(f, ...)`, `os.fork()`."""
    if _is_spawned(code) or any(
        code.names.last(node) == "NullPool" for node in code.tree.all(nodes.Name, nodes.Attribute)
    ):
        return
    for call in code.tree.all(nodes.Call):
        if not _forks(code, call):
            continue
        users = [function for function in _children(code, call) if _inherits(code, function, 3)]
        users = [] if _disposes(code, call) else users
        if users or (code.names.canonical(call.func) == "os.fork" and _goes_on(code, call)):
            certain = _is_connected(code, call)
            yield Found(call, _fork_sentence(users[0].name if users else "fork", certain), certain)


def _fork_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name}() inherits open connections of the engine: two processes speak on one socket.", name=name
        )
    return Text.of(
        "{name}() inherits the engine and its connections: a mistake if one is open by then; call "
        "engine.dispose(close=False) first in the new process.",
        name=name,
    )


def _is_spawned(code: Code) -> bool:
    calls = (
        call for call in code.tree.all(nodes.Call) if code.names.last(call.func) in ("get_context", "set_start_method")
    )
    return any(constant(value) in ("spawn", "forkserver") for call in calls for value in call.args)


def _forks(code: Code, call: nodes.Call) -> bool:
    name = code.names.canonical(call.func)
    if name == "os.fork":
        return True
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    if last not in _FORKS or keyword(call, "mp_context") is not None:
        return False
    return root in ("multiprocessing", "concurrent", "billiard", "mp", "torch") or (last == name and "." not in name)


def _children(code: Code, call: nodes.Call) -> Iterator[Def]:
    """The functions that run in the new process."""
    for value in [*call.args, *(word.value for word in call.keywords if word.arg != "initializer")]:
        if (function := _function_of(code, value)) is not None:
            yield function
    names = _named(call)
    for other in code.tree.all(nodes.Call):
        if isinstance(other.func, nodes.Attribute) and other.func.attrname in _RUNS and other.args:
            owner = other.func.expr
            ours = owner is call or (isinstance(owner, nodes.Name) and owner.name in names)
            if ours and (function := _function_of(code, other.args[0])) is not None:
                yield function


def _function_of(code: Code, value: Node) -> Def | None:
    if isinstance(value, nodes.Call) and code.names.last(value.func) == "partial" and value.args:
        value = value.args[0]
    if isinstance(value, nodes.Attribute):
        return code.names.method(code.sessions.class_behind(value.expr), value.attrname)
    return code.names.function(value)


def _named(call: nodes.Call) -> set[str]:
    """The names that a call's value is given."""
    holder = call.parent
    if isinstance(holder, nodes.With):
        return {name.name for value, name in holder.items if value is call and isinstance(name, nodes.AssignName)}
    if isinstance(holder, nodes.Assign):
        return {name.name for name in holder.targets if isinstance(name, nodes.AssignName)}
    return set()


def _inherits(code: Code, function: Def, depth: int) -> bool:
    """Whether a function uses an engine, factory or Session from outside of it, and does not dispose it."""
    if any(node.attrname == "dispose" for node in code.tree.own(function, nodes.Attribute)):
        return False
    for node in code.tree.own(function, nodes.Name):
        key = code.key(node)
        outer = key is not None and key[0] is not function and not isinstance(key[0], nodes.ClassDef)
        if key is not None and outer and code.kind_of(key).what in _GLOBALS:
            return True
        if key is None and (kind := code.kind(node)) is not None and kind.what in ("engine", "factory"):
            return True
    inner = (code.sessions.callee(call) for call in code.tree.own(function, nodes.Call))
    return depth > 0 and any(
        one is not None and one is not function and _inherits(code, one, depth - 1) for one in inner
    )


def _disposes(code: Code, call: nodes.Call) -> bool:
    """`Pool(initializer=f)` whose f disposes, or a dispose right before the fork."""
    starter = _function_of(code, value) if (value := keyword(call, "initializer")) is not None else None
    if isinstance(value, nodes.Attribute) and value.attrname == "dispose":
        return True
    if isinstance(value, nodes.Lambda) and "dispose" in value.as_string():
        return True
    if starter is not None and "dispose" in {
        node.attrname for node in walk(starter) if isinstance(node, nodes.Attribute)
    }:
        return True
    own = code.tree.own(code.tree.scope[call], nodes.Attribute)
    return any(node.attrname == "dispose" and code.tree.follows(node, call) for node in own)


def _goes_on(code: Code, call: nodes.Call) -> bool:
    """Whether an engine or Session is used after an `os.fork()` in the same function, and none is disposed."""
    scope = code.tree.scope[call]
    names = [node for node in code.tree.own(scope, nodes.Name) if position(node) > position(call)]
    kinds = [kind for kind in map(code.kind, names) if kind is not None]
    disposed = any(node.attrname == "dispose" for node in code.tree.own(scope, nodes.Attribute))
    return any(kind.what in _GLOBALS for kind in kinds) and not disposed


def _is_connected(code: Code, call: nodes.Call) -> bool:
    """Whether this process has used a connection before it forks."""
    scope = code.tree.scope[call]
    before = [use for use in code.flow(scope) if use.at is not call and position(use.at) < position(call)]
    if any(use.method != "close" for use in before):
        return True
    top = code.flow(code.tree.module) if isinstance(scope, DEFS) else []
    made = [
        node for node in code.tree.own(scope, nodes.Call) if code.names.last(node.func) in ("create_all", "reflect")
    ]
    return bool(top) or any(position(node) < position(call) for node in made)


RULES = (
    Rule(
        "engine_per_request",
        N_("An engine is a pool: one for each request connects anew each time, and leaves its connections behind."),
        "https://docs.sqlalchemy.org/en/21/core/connections.html#basic-usage",
        engine_per_request,
    ),
    Rule(
        "engine_across_fork",
        N_(
            "A socket that two processes hold carries the bytes of both: answers go to the wrong one, or are "
            "no answers."
        ),
        POOL_DOCS + "#using-connection-pools-with-multiprocessing-or-os-fork",
        engine_across_fork,
    ),
)
