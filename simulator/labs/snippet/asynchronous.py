"""AsyncSession in several tasks, lazy loads that cannot wait, and a sync Session on the event loop."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import Code, Loaded
from simulator.labs.snippet.kinds import Key, arguments
from simulator.labs.snippet.names import is_generator
from simulator.labs.snippet.objects import expired, first_reads, lazy_in_loops, outside, related
from simulator.labs.snippet.rule import ASYNC_DOCS, Found, Rule
from simulator.labs.snippet.sharing import captured
from simulator.labs.snippet.tree import COMPREHENSIONS, DEFS, LOOPS, WITHS

_TOGETHER = {"gather", "wait", "as_completed"}
_STARTS = {"create_task", "ensure_future", "start_soon"}
_WAITS = frozenset(
    [
        "execute",
        "exec",
        "scalar",
        "scalars",
        "query",
        "commit",
        "flush",
        "refresh",
        "merge",
        "get",
        "get_one",
        "bulk_save_objects",
    ]
)
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
    for call in code.tree.all(ast.Call):
        if code.names.last(call.func) in _TOGETHER:
            what = _shared_in(code, call)
            if what:
                yield _gathered(code, call, what)
    yield from _started(code)
    yield from _collected(code)


def _gathered(code: Code, call: ast.Call, key: Key) -> Found:
    return Found(
        call,
        _("{name} is used by several tasks at once; each task needs a Session of its own.").format(name=key[1]),
        True,
    )


def _shared_in(code: Code, call: ast.Call) -> Key | None:
    counts: dict[Key, int] = {}
    for value in call.args:
        inner = value.value if isinstance(value, ast.Starred) else value
        many = isinstance(inner, COMPREHENSIONS)
        for part in inner.elts if isinstance(inner, ast.List | ast.Tuple | ast.Set) else [inner]:
            for key in set(_sessions_of(code, part)):
                counts[key] = counts.get(key, 0) + (2 if many else 1)
    return next((key for key, count in counts.items() if count > 1), None)


def _sessions_of(code: Code, node: ast.AST) -> Iterator[Key]:
    """The Sessions and Connections that a coroutine gets: its receiver, an argument, or what it closes over."""
    for part in ast.walk(node):
        key = code.names.key(part) if isinstance(part, ast.Name | ast.Attribute) else None
        if key and code.names.bound[key].what in ("session", "connection") and not code.names.bound[key].registry:
            yield key
        if isinstance(part, ast.Name) and part.id in code.names.defs and not _is_locked(code, part.id):
            yield from (found for found, kind in captured(code, code.names.defs[part.id]) if kind.what == "session")
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
            yield from _of_method(code, part)


def _is_locked(code: Code, name: str) -> bool:
    blocks = code.tree.own(code.names.defs[name], *WITHS)
    return any("lock" in ast.unparse(item.context_expr).lower() for block in blocks for item in block.items)


def _of_method(code: Code, part: ast.Attribute) -> Iterator[Key]:
    """`self.load()` where `load` uses `self.session`."""
    owner = code.tree.enclosing_class(part)
    methods = [item for item in owner.body if isinstance(item, DEFS) and item.name == part.attr] if owner else []
    for method in methods:
        keys = {use.key for use in code.uses_in(method)}
        yield from (key for key in keys if key[0] is owner and code.names.bound[key].what == "session")


def _started(code: Code) -> Iterator[Found]:
    """Tasks started one by one: more than one in a function, or one in a loop, and not awaited on the spot."""
    counts: dict[tuple[ast.AST, Key], int] = {}
    for call in sorted(code.tree.all(ast.Call), key=lambda node: (node.lineno, node.col_offset)):
        if code.names.last(call.func) not in _STARTS or code.tree.awaited(call) or _is_in_gather(code, call):
            continue
        for key in set(_sessions_of(code, call)):
            place = (code.tree.scope[call], key)
            counts[place] = counts.get(place, 0) + (2 if _is_repeated(code, call, key) else 1)
            if counts[place] == 2:
                yield _gathered(code, call, key)


def _is_repeated(code: Code, call: ast.Call, key: Key) -> bool:
    loops = list(code.tree.around(call, *LOOPS, *COMPREHENSIONS))
    made = [row.value for row in code.bindings_of(key)]
    return any(not any(loop in code.tree.ancestors(node) for node in made) for loop in loops)


def _is_in_gather(code: Code, call: ast.Call) -> bool:
    return any(code.names.last(outer.func) in _TOGETHER for outer in code.tree.around(call, ast.Call))


def _collected(code: Code) -> Iterator[Found]:
    """`tasks = [f(db, x) for x in xs]`, then `gather(*tasks)`."""
    for call in code.tree.all(ast.Call):
        if code.names.last(call.func) not in _TOGETHER:
            continue
        names = [node.id for value in arguments(call) for node in ([value] if isinstance(value, ast.Name) else [])]
        for node in code.tree.own(code.tree.scope[call], ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id in names and isinstance(node.value, ast.ListComp | ast.List):
                if any(
                    code.names.last(part.func) in _STARTS for part in ast.walk(node.value) if isinstance(part, ast.Call)
                ):
                    continue
                found = _shared_list(code, node.value)
                if found:
                    yield _gathered(code, call, found)


def _shared_list(code: Code, value: ast.ListComp | ast.List) -> Key | None:
    if isinstance(value, ast.ListComp):
        return next(_sessions_of(code, value.elt), None)
    keys = [key for part in value.elts for key in set(_sessions_of(code, part))]
    return next((key for key in keys if keys.count(key) > 1), None)


def async_lazy_load(code: Code) -> Iterable[Found]:
    """An expired attribute or a relationship of an AsyncSession's object, read without `await`."""
    rows = [row for row in code.loaded if code.asynchronous(row.key, row.kind) and row.kind.what == "session"]
    reads = [(row, read) for row in rows for read in code.reads(row) if not _is_awaitable(code, read)]
    pairs = [(row, read) for row, read in reads if not outside(code, row, read) and _waits(code, row, read) is not None]
    done = set()
    for row, read in first_reads(code, pairs):
        done.add((row.scope, row.name))
        certain = bool(_waits(code, row, read))
        yield Found(read, _lazy_sentence(f"{row.name}.{read.attr}", certain), certain)
    for row in rows:
        if (row.scope, row.name) not in done:
            yield from _returned(code, row)
    for _loop, read, known in lazy_in_loops(code, asynchronous=True):
        if not _is_awaitable(code, read):
            yield Found(read, _lazy_sentence(ast.unparse(read), known), known)


def _is_awaitable(code: Code, read: ast.Attribute) -> bool:
    return read.attr == "awaitable_attrs" or isinstance(code.tree.parent[read], ast.Await)


def _waits(code: Code, row: Loaded, read: ast.Attribute) -> bool | None:
    if not row.many and expired(code, row, read):
        return row.kind.keeps is False
    return related(code, row, read)


def _returned(code: Code, row: Loaded) -> Iterator[Found]:
    """`await db.commit()`, `return user`: the response is made from expired attributes."""
    function = row.scope
    if row.many or not isinstance(function, DEFS) or not code.is_endpoint(function):
        return
    for node in code.tree.own(function, ast.Return):
        if isinstance(node.value, ast.Name) and node.value.id == row.name and expired(code, row, node):
            certain = row.kind.keeps is False
            yield Found(node, _returned_sentence(row.name, certain), certain)
            return


def _lazy_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} must be loaded here, and without await that is MissingGreenlet.").format(name=name)
    return _(
        "{name} may have to be loaded here, and that is "
        "MissingGreenlet: unless it is loaded before, or expire_on_commit is False."
    ).format(name=name)


def _returned_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("The commit expired {name}, and the response reads it: a 500, although the row is stored.").format(
            name=name
        )
    return _(
        "The response reads {name} after the commit: a 500, "
        "although the row is stored, unless expire_on_commit is False."
    ).format(name=name)


def sync_in_async(code: Code) -> Iterable[Found]:
    """Calls of a sync Session or Connection in an `async def`: the event loop waits for the database."""
    for function in code.tree.all(ast.AsyncFunctionDef):
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


def _blocking_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} is not asynchronous: while it waits for the database, the event loop serves nobody.").format(
            name=name
        )
    return _(
        "If {name} is a sync Session, the event loop serves nobody "
        "while it waits; if it is an AsyncSession, an await is missing."
    ).format(name=name)


def _handed_on(code: Code, function: ast.AsyncFunctionDef) -> Iterator[Found]:
    """`crud.get_user(db, 1)` without `await` in an `async def` with a sync Session."""
    if is_generator(code.tree, function) or not code.is_endpoint(function):
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
                _(
                    "{name} is a sync Session on the event loop: if this call sends statements, everybody waits for it."
                ).format(name=row.key[1]),
                False,
            )
            return


def _runs_here(code: Code, call: ast.Call) -> bool:
    last = code.names.last(call.func)
    made = (
        last[:1].isupper()
        or code.tree.awaited(call)
        or last in _ELSEWHERE
        or isinstance(code.tree.scope[call], ast.Lambda)
    )
    return not made and not any(True for _outer in code.tree.around(call, ast.Await))


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
