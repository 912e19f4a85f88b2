"""Rows that are locked: in an order that deadlocks, or with values from before the lock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import READS, Code, Loaded, Use
from simulator.labs.snippet.kinds import arguments, constant, keyword, parameters
from simulator.labs.snippet.rule import Found, Rule
from simulator.labs.snippet.tree import Def

_FILTERS = {"where", "filter", "filter_by"}


def deadlock_order(code: Code) -> Iterable[Found]:
    """Two rows locked one after the other, in an order that the arguments decide."""
    for function in code.tree.functions():
        if code.is_test(function) or _is_ordered(code, function):
            continue
        names = {arg.arg for arg, _default in parameters(function)}
        locks = [(use, _lock_of(code, use)) for use in code.uses_in(function)]
        taken = [(use, found[0], found[1] & names) for use, found in locks if found is not None]
        for (first, model, rows), (second, other, others) in pairwise(taken):
            if (
                model == other
                and rows
                and others
                and rows != others
                and not rows & others
                and code.tree.follows(first.call, second.call)
            ):
                yield Found(second.call, _deadlock_sentence(", ".join(sorted(rows | others))), False)
                break
        yield from _locked_in_loop(code, function, names)


def _deadlock_sentence(names: str) -> str:
    return _(
        "Which row is locked first depends on the arguments ({names}): "
        "a deadlock if another call has them the other way."
    ).format(names=names)


def _is_ordered(code: Code, function: Def) -> bool:
    calls = {code.names.last(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    compares = (node for node in ast.walk(function) if isinstance(node, ast.If | ast.IfExp))
    return bool(calls & {"sorted", "min", "max", "sort", "order_by"}) or any(
        isinstance(part, ast.Lt | ast.Gt | ast.LtE | ast.GtE) and isinstance(node.body, list) and _swaps(node)
        for node in compares
        for part in ast.walk(node.test)
    )


def _swaps(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Tuple) for part in ast.walk(node))


def _lock_of(code: Code, use: Use) -> tuple[str, set[str]] | None:
    """The table, and the names in the key, of a statement that locks rows."""
    nodes = [
        *(part for argument in use.call.args[:1] for part in code.parts(argument)),
        *ast.walk(code.chain(use.call)),
    ]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if keyword(use.call, "with_for_update") is not None and len(use.call.args) > 1:
        return ast.dump(use.call.args[0]), _names_in(use.call.args[1:])
    keys = _names_in(value for call in calls if code.names.last(call.func) in _FILTERS for value in arguments(call))
    if any(code.names.last(call.func) == "with_for_update" for call in calls):
        return _model_of(code, calls), keys
    changed = next((call for call in calls if code.names.last(call.func) == "update" and call.args), None)
    if changed is not None and use.method == "execute":
        return ast.dump(changed.args[0]), keys
    return _text_lock(code, use)


def _text_lock(code: Code, use: Use) -> tuple[str, set[str]] | None:
    """The same of plain SQL: what is before its WHERE, and the values of the parameters after it."""
    text = next((str(node.value) for node in code.texts(use)), "")
    head, _where, condition = re.sub(r"\s+", " ", text).lower().partition(" where ")
    if not re.match(r"\s*update\b|.*\bfor update\b", f"{head} {condition}"):
        return None
    wanted = set(re.findall(r"[:(](\w+)", condition))
    given = [value for value in use.call.args[1:] if isinstance(value, ast.Dict)]
    pairs = [pair for value in given for pair in zip(value.keys, value.values, strict=True)]
    return head.partition(" set ")[0], _names_in(value for key, value in pairs if constant(key) in wanted)


def _names_in(values: Iterable[ast.AST]) -> set[str]:
    return {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}


def _model_of(code: Code, calls: list[ast.Call]) -> str:
    found = next((call for call in calls if code.names.last(call.func) in ("select", "query") and call.args), None)
    return ast.dump(found.args[0]) if found else ""


def _locked_in_loop(code: Code, function: Def, names: set[str]) -> Iterator[Found]:
    for loop in code.tree.own(function, ast.For):
        given = isinstance(loop.iter, ast.Name) and loop.iter.id in names and isinstance(loop.target, ast.Name)
        inside = [use for use in code.uses_in(function) if code.tree.in_body(use.call, loop.body)]
        for use in inside if given else ():
            found = _lock_of(code, use)
            if found and getattr(loop.target, "id", "") in found[1] and not _is_committed_in(code, use, loop):
                yield Found(use.call, _deadlock_sentence(getattr(loop.iter, "id", "")), False)
                break


def _is_committed_in(code: Code, use: Use, loop: ast.For) -> bool:
    ends = code.uses_of(use.key, "commit", "rollback")
    made = [row.value for row in code.bindings_of(use.key)]
    return any(code.tree.in_body(node, loop.body) for node in [*(end.call for end in ends), *made])


def get_then_lock(code: Code) -> Iterable[Found]:
    """The object is loaded without a lock and then locked without `populate_existing`: it keeps its old values."""
    for use in code.uses:
        whole = code.chain(use.call)
        nodes = [*ast.walk(whole), *(part for argument in use.call.args[:1] for part in code.parts(argument))]
        if use.method not in READS or not _locks(code, use, nodes) or _populates(code, nodes):
            continue
        earlier = [row for row in code.loaded if _same_row(code, row, use, nodes)]
        if earlier:
            yield Found(
                use.call,
                _(
                    "{name} is in the Session already: this locks the row "
                    "and keeps the values that were read before the lock."
                ).format(name=earlier[-1].name),
                True,
            )


def _locks(code: Code, use: Use, nodes: list[ast.AST]) -> bool:
    value = keyword(use.call, "with_for_update")
    asked = (value is not None and constant(value) is not False and constant(value) is not None) or isinstance(
        value, ast.Dict
    )
    return asked or any(
        isinstance(node, ast.Call) and code.names.last(node.func) == "with_for_update" for node in nodes
    )


def _populates(code: Code, nodes: list[ast.AST]) -> bool:
    words = [word.arg for node in nodes if isinstance(node, ast.Call) for word in node.keywords]
    steps = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    texts = [constant(node) for node in nodes if isinstance(node, ast.Constant)]
    return "populate_existing" in [*words, *steps, *texts]


def _same_row(code: Code, row: Loaded, use: Use, nodes: list[ast.AST]) -> bool:
    """Whether an object loaded before without a lock is the one that is locked now."""
    if row.key != use.key or row.scope is not use.scope or not code.tree.follows(row.at, use.call):
        return False
    before = list(code.parts(row.at))
    if any(isinstance(node, ast.Attribute) and node.attr == "with_for_update" for node in before):
        return False
    if "with_for_update" in {word.arg for node in before if isinstance(node, ast.Call) for word in node.keywords}:
        return False
    if row.model not in {node.id for node in nodes if isinstance(node, ast.Name)} | {
        getattr(node, "attr", "") for node in nodes
    }:
        return False
    between = code.uses_of(
        row.key, "commit", "rollback", "expire", "expire_all", "close", "refresh", "expunge", "expunge_all"
    )
    if any(code.tree.follows(row.at, end.call) and code.tree.follows(end.call, use.call) for end in between):
        return False
    return bool(_values(before, row.model) & _values(nodes, row.model)) or f"{row.name}.id" in {
        ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)
    }


def _values(nodes: list[ast.AST], model: str) -> set[str]:
    """The names and numbers that a statement is given, without the class, the Session and the functions."""
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    names = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called | owners}
    numbers = {
        repr(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, int | str)
    }
    dotted = {
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Attribute) and id(node) not in called and isinstance(node.value, ast.Name)
    }
    return (names | (numbers - {"True", "False"}) | {name for name in dotted if not name.startswith(model)}) - {
        model,
        "stmt",
        "select",
    }


RULES = (
    Rule(
        "deadlock_order",
        N_("Two transactions that lock the same rows in opposite order wait for each other; one is aborted."),
        "https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS",
        deadlock_order,
    ),
    Rule(
        "get_then_lock",
        N_(
            "An object that the Session has already is not overwritten "
            "by what a later SELECT reads, not even with a lock."
        ),
        "https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#populate-existing",
        get_then_lock,
    ),
)
