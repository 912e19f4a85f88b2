"""AsyncSession in several tasks, lazy loads that cannot wait, and a sync Session on the event loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import READS
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Key, arguments, parts
from simulator.labs.lint.loaded import Loaded
from simulator.labs.lint.rule import ASYNC_DOCS, Found, Rule
from simulator.labs.lint.rules.objects import expired, first_reads, lazy_in_loops, outside, related
from simulator.labs.lint.rules.sharing import captured
from simulator.labs.lint.tree import COMPREHENSIONS, DEFS, LOOPS, WITHS, Def, Node, walk

_TOGETHER = {"gather", "wait", "as_completed"}
_STARTS = {"create_task", "ensure_future", "start_soon"}
#: What has to be awaited of an AsyncSession.
_WAITS = READS | {"commit", "flush", "refresh", "bulk_save_objects"}
_ELSEWHERE = frozenset(
    [
        "run_in_threadpool",
        "to_thread",
        "run_sync",
        "run_in_executor",
        "add_task",
        "Depends",
        "closing",
        "enter_context",
        "submit",
        "print",
        "repr",
        "isinstance",
        "type",
        "id",
    ]
)


def async_gather(code: Code) -> Iterable[Found]:
    """`gather(f(db), g(db))`, `gather(*(f(db, x) for x in xs))`, two tasks of a TaskGroup with one Session."""
    for call in code.tree.all(nodes.Call):
        if code.names.last(call.func) in _TOGETHER:
            what = _shared_in(code, call)
            if what:
                yield _gathered(code, call, what)
    yield from _started(code)
    yield from _collected(code)


def _gathered(code: Code, call: nodes.Call, key: Key) -> Found:
    return Found(
        call,
        Text.of("{name} is used by several tasks at once; each task needs a Session of its own.", name=key[1]),
        True,
    )


def _shared_in(code: Code, call: nodes.Call) -> Key | None:
    counts: dict[Key, int] = {}
    for value in call.args:
        inner = value.value if isinstance(value, nodes.Starred) else value
        many = isinstance(inner, COMPREHENSIONS)
        for part in parts(inner) if isinstance(inner, nodes.List | nodes.Tuple | nodes.Set) else [inner]:
            for key in set(_sessions_of(code, part)):
                counts[key] = counts.get(key, 0) + (2 if many else 1)
    return next((key for key, count in counts.items() if count > 1), None)


def _sessions_of(code: Code, node: Node) -> Iterator[Key]:
    """The Sessions and Connections that a coroutine gets: its receiver, an argument, or what it closes over."""
    for part in walk(node):
        key = code.key(part) if isinstance(part, nodes.Name | nodes.Attribute) else None
        if key and code.kind_of(key).what in ("session", "connection") and not code.kind_of(key).registry:
            yield key
        inner = code.names.function(part)
        if inner is not None and not _is_locked(code, inner):
            yield from (found for found, kind in captured(code, inner) if kind.what == "session")
        if isinstance(part, nodes.Attribute) and isinstance(part.expr, nodes.Name) and part.expr.name == "self":
            yield from _of_method(code, part)


def _is_locked(code: Code, function: Def) -> bool:
    blocks = code.tree.own(function, *WITHS)
    return any("lock" in item[0].as_string().lower() for block in blocks for item in block.items)


def _of_method(code: Code, part: nodes.Attribute) -> Iterator[Key]:
    """`self.load()` where `load` uses `self.session`."""
    owner = code.tree.enclosing_class(part)
    methods = [item for item in owner.body if isinstance(item, DEFS) and item.name == part.attrname] if owner else []
    for method in methods:
        keys = {use.key for use in code.uses_in(method)}
        yield from (key for key in keys if key[0] is owner and code.kind_of(key).what == "session")


def _started(code: Code) -> Iterator[Found]:
    """Tasks started one by one: more than one in a function, or one in a loop, and not awaited on the spot."""
    counts: dict[tuple[Node, Key], int] = {}
    for call in sorted(code.tree.all(nodes.Call), key=lambda node: (node.lineno, node.col_offset)):
        if code.names.last(call.func) not in _STARTS or code.tree.awaited(call) or _is_in_gather(code, call):
            continue
        for key in set(_sessions_of(code, call)):
            place = (code.tree.scope[call], key)
            counts[place] = counts.get(place, 0) + (2 if _is_repeated(code, call, key) else 1)
            if counts[place] == 2:
                yield _gathered(code, call, key)


def _is_repeated(code: Code, call: nodes.Call, key: Key) -> bool:
    loops = list(code.tree.around(call, *LOOPS, *COMPREHENSIONS))
    made = [row.value for row in code.bindings_of(key)]
    return any(not any(loop in list(node.node_ancestors()) for node in made) for loop in loops)


def _is_in_gather(code: Code, call: nodes.Call) -> bool:
    return any(code.names.last(outer.func) in _TOGETHER for outer in code.tree.around(call, nodes.Call))


def _collected(code: Code) -> Iterator[Found]:
    """`tasks = [f(db, x) for x in xs]`, then `gather(*tasks)`."""
    for call in code.tree.all(nodes.Call):
        if code.names.last(call.func) not in _TOGETHER:
            continue
        names = [node.name for value in arguments(call) for node in ([value] if isinstance(value, nodes.Name) else [])]
        for node in code.tree.own(code.tree.scope[call], nodes.Assign):
            target = node.targets[0]
            if (
                isinstance(target, nodes.AssignName)
                and target.name in names
                and isinstance(node.value, nodes.ListComp | nodes.List)
            ):
                if any(
                    code.names.last(part.func) in _STARTS for part in walk(node.value) if isinstance(part, nodes.Call)
                ):
                    continue
                found = _shared_list(code, node.value)
                if found:
                    yield _gathered(code, call, found)


def _shared_list(code: Code, value: nodes.ListComp | nodes.List) -> Key | None:
    if isinstance(value, nodes.ListComp):
        return next(_sessions_of(code, value.elt), None)
    keys = [key for part in parts(value) for key in set(_sessions_of(code, part))]
    return next((key for key in keys if keys.count(key) > 1), None)


def async_lazy_load(code: Code) -> Iterable[Found]:
    """An expired attribute or a relationship of an AsyncSession's object, read without `await`."""
    rows = [row for row in code.objects.loaded if code.asynchronous(row.key, row.kind) and row.kind.what == "session"]
    reads = [(row, read) for row in rows for read in code.objects.reads(row) if not _is_awaitable(code, read)]
    pairs = [(row, read) for row, read in reads if not outside(code, row, read) and _waits(code, row, read) is not None]
    done = set()
    for row, read in first_reads(code, pairs):
        done.add((row.scope, row.name))
        certain = bool(_waits(code, row, read))
        yield Found(read, _lazy_sentence(f"{row.name}.{read.attrname}", certain), certain)
    for row in rows:
        if (row.scope, row.name) not in done:
            yield from _returned(code, row)
    for _loop, read, known in lazy_in_loops(code, asynchronous=True):
        if not _is_awaitable(code, read):
            yield Found(read, _lazy_sentence(read.as_string(), known), known)


def _is_awaitable(code: Code, read: nodes.Attribute) -> bool:
    return read.attrname == "awaitable_attrs" or isinstance(read.parent, nodes.Await)


def _waits(code: Code, row: Loaded, read: nodes.Attribute) -> bool | None:
    if not row.many and not row.rows and expired(code, row, read):
        return row.kind.keeps is False and not row.kind.by_use
    return related(code, row, read)


def _returned(code: Code, row: Loaded) -> Iterator[Found]:
    """`await db.commit()`, `return user`: the response is made from expired attributes."""
    function = row.scope
    if row.many or not isinstance(function, DEFS) or not code.is_endpoint(function):
        return
    for node in code.tree.own(function, nodes.Return):
        if isinstance(node.value, nodes.Name) and node.value.name == row.name and expired(code, row, node):
            certain = row.kind.keeps is False
            yield Found(node, _returned_sentence(row.name, certain), certain)
            return


def _lazy_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} must be loaded here, and without await that is MissingGreenlet.", name=name)
    return Text.of(
        "{name} may have to be loaded here, and that is "
        "MissingGreenlet: unless it is loaded before, or expire_on_commit is False.",
        name=name,
    )


def _returned_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "The commit expired {name}, and the response reads it: a 500, although the row is stored.", name=name
        )
    return Text.of(
        "The response reads {name} after the commit: a 500, "
        "although the row is stored, unless expire_on_commit is False.",
        name=name,
    )


def sync_in_async(code: Code) -> Iterable[Found]:
    """Calls of a sync Session or Connection in an `async def`: the event loop waits for the database."""
    for function in code.tree.all(nodes.AsyncFunctionDef):
        if code.is_test(function):
            continue
        own = [use for use in code.uses_in(function) if use.method in _WAITS and not use.awaited]
        blocking = [
            use
            for use in own
            if use.kind.what in ("session", "connection") and code.asynchronous(use.key, use.kind) is not True
        ]
        sure = [use for use in blocking if use.kind.asynchronous is False]
        if sure or blocking:
            use = (sure or blocking)[0]
            name = use.key[1] or "Session()"
            yield Found(use.call, _blocking_sentence(name, bool(sure)), bool(sure))
        else:
            yield from _handed_on(code, function)


def _blocking_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name} is not asynchronous: while it waits for the database, the event loop serves nobody.", name=name
        )
    return Text.of(
        "If {name} is a sync Session, the event loop serves nobody "
        "while it waits; if it is an AsyncSession, an await is missing.",
        name=name,
    )


def _handed_on(code: Code, function: nodes.AsyncFunctionDef) -> Iterator[Found]:
    """`crud.get_user(db, 1)` without `await` in an `async def` with a sync Session."""
    if code.names.is_generator(function) or not code.is_endpoint(function):
        return
    for row in code.bindings:
        if (
            row.key[0] is not function
            or row.kind.what != "session"
            or code.asynchronous(row.key, row.kind) is not False
        ):
            continue
        calls = [call for _node, call in code.passed(row.key) if _runs_here(code, call)]
        if calls:
            yield Found(
                calls[0],
                Text.of(
                    "{name} is a sync Session on the event loop: "
                    "if this call sends statements, everybody waits for it.",
                    name=row.key[1],
                ),
                False,
            )
            return


def _runs_here(code: Code, call: nodes.Call) -> bool:
    last = code.names.last(call.func)
    made = (
        last[:1].isupper()
        or code.tree.awaited(call)
        or last in _ELSEWHERE
        or isinstance(code.tree.scope[call], nodes.Lambda)
    )
    return not made and not any(True for _outer in code.tree.around(call, nodes.Await))


RULES = (
    Rule(
        "async_gather",
        N_("An AsyncSession has one connection and one transaction: it serves one task at a time."),
        ASYNC_DOCS + "#using-asyncsession-with-concurrent-tasks",
        async_gather,
    ),
    Rule(
        "async_lazy_load",
        N_("Reading an attribute cannot await: a lazy load under asyncio raises MissingGreenlet."),
        ASYNC_DOCS + "#preventing-implicit-io-when-using-asyncsession",
        async_lazy_load,
    ),
    Rule(
        "sync_in_async",
        N_("A sync Session in an async def stops the event loop: every other request waits too."),
        "https://fastapi.tiangolo.com/async/",
        sync_in_async,
    ),
)
