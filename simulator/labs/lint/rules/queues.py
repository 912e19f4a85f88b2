"""Work that is handed on: before what it needs is committed, or with an object of this request's Session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Key, arguments, dotted, keyword, pairs, parameters, parts
from simulator.labs.lint.loaded import Loaded
from simulator.labs.lint.rule import SESSION_DOCS, Found, Rule
from simulator.labs.lint.rules.objects import expired
from simulator.labs.lint.tree import Def, Node, With, inside, walk

_QUEUED = frozenset(
    ["delay", "apply_async", "send_task", "enqueue", "enqueue_job", "enqueue_in", "kiq", "defer", "defer_async"]
)
_MAYBE = frozenset(
    ["send", "send_with_options", "publish", "basic_publish", "send_message", "produce", "xadd", "lpush", "rpush"]
)
_OWNERS = re.compile(
    r".*(task|actor|job|queue|broker|producer|publisher|channel|celery|redis|kafka|sqs|nats|bus|worker).*",
    re.IGNORECASE,
)
_CALLED = re.compile(r"enqueue(_\w+)?|queue_\w+|send_task|dispatch_task|publish(_\w+)?|schedule_(task|job)")
_LATER = frozenset(["add_task", "BackgroundTask", "create_task", "ensure_future", "Thread", "submit", "start_soon"])


def task_before_commit(code: Code) -> Iterable[Found]:
    """`index.delay(run.id)` between a write and its commit: the worker may look before the row is there."""
    for call in code.tree.all(nodes.Call):
        function = code.tree.function(call)
        sure = _queues(code, call)
        if sure is None or function is None or code.is_test(function):
            continue
        key = _written(code, function, call)
        ended = _ends_later(code, function, call, key) if key else None
        if key is not None and ended is not None:
            certain = sure and ended and not (keyword(call, "countdown") or keyword(call, "eta"))
            yield Found(call, _before_commit_sentence(key[1], certain), certain)


def _before_commit_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} has not committed yet: the worker looks for a row that is not there for it.", name=name)
    return Text.of("{name} has not committed yet: a mistake if the worker looks for what was written here.", name=name)


def _queues(code: Code, call: nodes.Call) -> bool | None:
    """True: hands work to another process; False: looks so; None: no."""
    if isinstance(call.func, nodes.Name):
        return False if _CALLED.fullmatch(call.func.name) and code.names.function(call.func) is None else None
    if not isinstance(call.func, nodes.Attribute) or code.kind(call.func.expr):
        return None
    method, owner = call.func.attrname, dotted(call.func.expr) or call.func.expr.as_string()
    if method in _QUEUED:
        return method != "apply_async" or not re.search(r"pool|executor", owner, re.IGNORECASE) or None
    return False if method in _MAYBE and _OWNERS.fullmatch(owner) else None


def _written(code: Code, function: Def, call: nodes.Call) -> Key | None:
    """The Session that has written before this call and not committed since."""
    open_: dict[Key, bool] = {}
    for use in code.flow(function):
        if use.at is call or not code.tree.follows(use.at, call):
            continue
        if use.method in ("commit", "rollback", "close"):
            open_.pop(use.key, None)
        elif use.method in ("flush", "add", "add_all", "merge", "delete") or code.writes(use):
            open_[use.key] = all(inside(call, block) for block in code.begun(use.key) if inside(use.at, block))
    return next((key for key, still in open_.items() if key[1] and still), None) or _changed(code, function, call)


def _changed(code: Code, function: Def, call: nodes.Call) -> Key | None:
    """The Session of an object that was changed before this call."""
    for node in code.tree.own(function, nodes.AssignAttr):
        row = code.objects.of(node.expr) if isinstance(node.expr, nodes.Name) else None
        if row is None or row.many or not code.tree.follows(node, call):
            continue
        ends = [use for use in code.flow(function) if use.key == row.key and use.method in ("commit", "rollback")]
        ended = any(code.tree.follows(node, use.at) and code.tree.follows(use.at, call) for use in ends)
        if not ended and all(inside(call, block) for block in code.begun(row.key) if inside(node, block)):
            return row.key
    return None


def _ends_later(code: Code, function: Def, call: nodes.Call, key: Key) -> bool | None:
    """True: the commit comes after this call; False: it may; None: none is to be seen, or it is none of ours."""
    commits = [use for use in code.flow(function) if use.key == key and use.method == "commit"]
    if any(code.tree.follows(call, use.at) for use in commits):
        return True
    if any(inside(call, block) for block in code.begun(key)) or any(
        inside(call, block) for block in _own_blocks(code, key)
    ):
        return True
    if key[0] is function and (giver := _dependency(code, key)) is not None:
        return True if _commits(code, giver) else None
    block = code.block_of(key)
    return False if block is not None and inside(call, block) and not commits and code.kind_of(key).by_use else None


def _own_blocks(code: Code, key: Key) -> Iterator[With]:
    """`with session_scope() as db` of a function of the text that commits after its yield."""
    for row in code.bindings_of(key):
        made = row.value.value if isinstance(row.value, nodes.Await) else row.value
        giver = code.sessions.callee(made) if isinstance(made, nodes.Call) else None
        if row.how == "with" and giver is not None and _commits(code, giver) and isinstance(row.holder, nodes.With):
            yield row.holder


def _commits(code: Code, giver: Def) -> bool:
    if any(use.method == "commit" for use in code.uses_in(giver)):
        return True
    yielded = [code.key(node.value) for node in code.tree.own(giver, nodes.Yield)]
    return any(key is not None and code.begun(key) for key in yielded)


def _dependency(code: Code, key: Key) -> Def | None:
    """The function of the text that gives a parameter its Session."""
    for row in code.bindings_of(key):
        notes = [code.names.alias(name) for name in [_note(code, key)] if name]
        note = _annotation(code, key)
        for value in [row.value, note, *notes]:
            for node in walk(value) if value is not None else ():
                if isinstance(node, nodes.Call) and code.names.last(node.func) == "Depends" and node.args:
                    return code.names.function(node.args[0])
    return None


def _annotation(code: Code, key: Key) -> Node | None:
    rows = parameters(key[0]) if isinstance(key[0], nodes.FunctionDef) else ()
    return next((note for row, note, _default in rows if row.name == key[1]), None)


def _note(code: Code, key: Key) -> str:
    return code.names.canonical(_annotation(code, key))


def object_to_background_task(code: Code) -> Iterable[Found]:
    """`add_task(send, user)`, `send.delay(user)`, `Thread(target=send, args=(user,))` with a mapped object."""
    for call in code.tree.all(nodes.Call):
        function = code.tree.function(call)
        queued = _queues(code, call)
        if function is None or code.is_test(function) or not (queued or _runs_later(code, call)):
            continue
        for name in _names(call):
            row = _object(code, name, function)
            if row is None or _is_expunged(code, row, call):
                continue
            certain = bool(queued) or _is_expired(code, row, name)
            yield Found(call, _object_sentence(name.name, bool(queued), certain), certain)
            break


def _object_sentence(name: str, queued: bool, certain: bool) -> Text:
    if queued:
        return Text.of("{name} is an object of this Session: a worker cannot have it; give it the id.", name=name)
    if certain:
        return Text.of(
            "The commit expired {name}, and the task reads it when its Session is over: give it the id.", name=name
        )
    return Text.of(
        "{name} is an object of this request's Session, which is over when the task runs: it fails for what was not "
        "loaded before; give it the id.",
        name=name,
    )


def _runs_later(code: Code, call: nodes.Call) -> bool:
    last = code.names.last(call.func)
    if last not in _LATER or code.tree.awaited(call):
        return False
    if last == "submit":
        return isinstance(call.parent, nodes.Expr)
    if last in ("create_task", "ensure_future", "start_soon"):
        return isinstance(call.parent, nodes.Expr)
    return True


def _names(call: nodes.Call) -> Iterator[nodes.Name]:
    """The plain names that are handed over, also inside a tuple, a dictionary or a coroutine's call."""
    waiting: list[Node] = arguments(call)
    for value in waiting:
        if isinstance(value, nodes.Name):
            yield value
        elif isinstance(value, nodes.Tuple | nodes.List):
            waiting.extend(parts(value))
        elif isinstance(value, nodes.Dict):
            waiting.extend(item for _key, item in pairs(value))
        elif isinstance(value, nodes.Call) and value in call.args:
            waiting.extend(arguments(value))


def _object(code: Code, name: nodes.Name, function: Def) -> Loaded | None:
    """What a name stands for, where it is an object that a Session of this function loaded or was given."""
    row = code.objects.of(name)
    if row is not None:
        return row if not row.rows and row.kind.what == "session" else None
    added = [one for one in code.objects.loaded if one.name == name.name and one.scope is function]
    return next((one for one in added if code.tree.follows(one.at, name)), None)


def _is_expunged(code: Code, row: Loaded, call: nodes.Call) -> bool:
    forgets = ("expunge", "expunge_all")
    return any(use.key == row.key and use.method in forgets for use in code.flow(row.scope))


def _is_expired(code: Code, row: Loaded, name: nodes.Name) -> bool:
    named = [one for one in code.objects.loaded if one.name == name.name and one.scope is code.tree.scope[name]]
    return any(
        expired(code, one, name) is not None and one.kind.keeps is False for one in [*named, row] if not one.many
    )


RULES = (
    Rule(
        "task_before_commit",
        N_("Another process sees only what is committed: a task that is quicker than the commit finds nothing."),
        SESSION_DOCS + "#committing",
        task_before_commit,
    ),
    Rule(
        "object_to_background_task",
        N_(
            "A mapped object belongs to its Session, and is of little use after it: hand over its id, and load "
            "it there."
        ),
        "https://docs.sqlalchemy.org/en/21/orm/session_state_management.html",
        object_to_background_task,
    ),
)
