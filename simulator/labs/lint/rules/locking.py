"""Rows that are locked: in an order that deadlocks, or with values from before the lock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import READS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import arguments, constant, keyword, pairs, parameters
from simulator.labs.lint.loaded import Loaded
from simulator.labs.lint.rule import Found, Rule
from simulator.labs.lint.tree import Def, Node, walk

_BY_SIZE = ("<", ">", "<=", ">=")
_FILTERS = {"where", "filter", "filter_by"}


def deadlock_order(code: Code) -> Iterable[Found]:
    """Two rows locked one after the other, in an order that the arguments decide."""
    for function in code.tree.functions():
        if code.is_test(function) or _is_ordered(code, function):
            continue
        names = {arg.name for arg, _note, _default in parameters(function)}
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


def _deadlock_sentence(names: str) -> Text:
    return Text.of(
        "Which row is locked first depends on the arguments ({names}): "
        "a deadlock if another call has them the other way.",
        names=names,
    )


def _is_ordered(code: Code, function: Def) -> bool:
    calls = {code.names.last(node.func) for node in walk(function) if isinstance(node, nodes.Call)}
    compares = (node for node in walk(function) if isinstance(node, nodes.If | nodes.IfExp))
    return bool(calls & {"sorted", "min", "max", "sort", "order_by"}) or any(
        isinstance(part, nodes.Compare) and part.ops[0][0] in _BY_SIZE and isinstance(node.body, list) and _swaps(node)
        for node in compares
        for part in walk(node.test)
    )


def _swaps(node: Node) -> bool:
    return any(isinstance(part, nodes.Assign) and isinstance(part.targets[0], nodes.Tuple) for part in walk(node))


def _lock_of(code: Code, use: Use) -> tuple[str, set[str]] | None:
    """The table, and the names in the key, of a statement that locks rows."""
    calls = [node for node in _statement(code, use) if isinstance(node, nodes.Call)]
    if keyword(use.call, "with_for_update") is not None and len(use.call.args) > 1:
        return use.call.args[0].as_string(), _names_in(use.call.args[1:])
    keys = _names_in(value for call in calls if code.names.last(call.func) in _FILTERS for value in arguments(call))
    if any(code.names.last(call.func) == "with_for_update" for call in calls):
        return _model_of(code, calls), keys
    changed = next((call for call in calls if code.names.last(call.func) == "update" and call.args), None)
    if changed is not None and use.method == "execute":
        return changed.args[0].as_string(), keys
    return _text_lock(code, use)


def _text_lock(code: Code, use: Use) -> tuple[str, set[str]] | None:
    """The same of plain SQL: what is before its WHERE, and the values of the parameters after it."""
    text = next((str(node.value) for node in code.texts(use)), "")
    head, _where, condition = re.sub(r"\s+", " ", text).lower().partition(" where ")
    if not re.match(r"\s*update\b|.*\bfor update\b", f"{head} {condition}"):
        return None
    wanted = set(re.findall(r"[:(](\w+)", condition))
    given = [value for value in use.call.args[1:] if isinstance(value, nodes.Dict)]
    named = [pair for value in given for pair in pairs(value)]
    return head.partition(" set ")[0], _names_in(value for key, value in named if constant(key) in wanted)


def _names_in(values: Iterable[Node]) -> set[str]:
    return {node.name for value in values for node in walk(value) if isinstance(node, nodes.Name)}


def _model_of(code: Code, calls: list[nodes.Call]) -> str:
    found = next((call for call in calls if code.names.last(call.func) in ("select", "query") and call.args), None)
    return found.args[0].as_string() if found else ""


def _locked_in_loop(code: Code, function: Def, names: set[str]) -> Iterator[Found]:
    for loop in code.tree.own(function, nodes.For):
        given = (
            isinstance(loop.iter, nodes.Name) and loop.iter.name in names and isinstance(loop.target, nodes.AssignName)
        )
        inside = [use for use in code.uses_in(function) if code.tree.in_body(use.call, loop.body)]
        for use in inside if given else ():
            found = _lock_of(code, use)
            if found and getattr(loop.target, "name", "") in found[1] and not _is_committed_in(code, use, loop):
                yield Found(use.call, _deadlock_sentence(getattr(loop.iter, "name", "")), False)
                break


def _is_committed_in(code: Code, use: Use, loop: nodes.For) -> bool:
    ends = code.uses_of(use.key, "commit", "rollback")
    made = [row.value for row in code.bindings_of(use.key)]
    return any(code.tree.in_body(node, loop.body) for node in [*(end.call for end in ends), *made])


def get_then_lock(code: Code) -> Iterable[Found]:
    """The object is loaded without a lock and then locked without `populate_existing`: it keeps its old values."""
    done: set[nodes.Call] = set()
    for function in [*code.tree.functions(), code.tree.module]:
        for use in code.flow(function):
            statement = _statement(code, use)
            if use.call in done or use.method not in READS or not _locks(code, use, statement):
                continue
            if _populates(code, statement):
                continue
            earlier = [row for row in code.objects.loaded if row.scope is function and _same_row(code, row, use)]
            if earlier:
                done.add(use.call)
                yield Found(use.call, _then_locked_sentence(earlier[-1].name), True)


def _then_locked_sentence(name: str) -> Text:
    return Text.of(
        "{name} is in the Session already: this locks the row and keeps the values that were read before the lock.",
        name=name,
    )


def _statement(code: Code, use: Use) -> list[Node]:
    """All nodes of a statement, and of the names that it is put together from."""
    return [*walk(code.chain(use.call)), *(part for value in use.call.args[:1] for part in code.parts(value))]


def _locks(code: Code, use: Use, statement: list[Node]) -> bool:
    value = keyword(use.call, "with_for_update")
    asked = value is not None and (not isinstance(value, nodes.Const) or bool(value.value))
    calls = (node for node in statement if isinstance(node, nodes.Call))
    return asked or any(code.names.last(call.func) == "with_for_update" for call in calls)


def _populates(code: Code, statement: list[Node]) -> bool:
    words = [word.arg for node in statement if isinstance(node, nodes.Call) for word in node.keywords]
    steps = [node.attrname for node in statement if isinstance(node, nodes.Attribute)]
    texts = [constant(node) for node in statement if isinstance(node, nodes.Const)]
    return "populate_existing" in [*words, *steps, *texts]


def _same_row(code: Code, row: Loaded, use: Use) -> bool:
    """Whether an object loaded before without a lock is the one that is locked now."""
    if row.key != use.key or row.many or not code.tree.follows(row.at, use.at):
        return False
    before, statement = list(code.parts(row.at)), _statement(code, use)
    if _is_locked_too(before) or row.model not in {_name_of(node) for node in statement}:
        return False
    between = [end for end in code.flow(row.scope) if end.key == row.key and end.method in _FORGETS]
    if any(code.tree.follows(row.at, end.at) and code.tree.follows(end.at, use.at) for end in between):
        return False
    given = statement
    if use.at is not use.call and isinstance(use.at, nodes.Call):
        given = [part for value in arguments(use.at) for part in code.parts(value)]
    again = {f"{row.name}.id", row.name} & {node.as_string() for node in given if _name_of(node)}
    return bool(_values(before, row.model) & _values(given, row.model)) or bool(again)


_FORGETS = frozenset(["commit", "rollback", "expire", "expire_all", "close", "refresh", "expunge", "expunge_all"])


def _is_locked_too(before: list[Node]) -> bool:
    words = {word.arg for node in before if isinstance(node, nodes.Call) for word in node.keywords}
    steps = {node.attrname for node in before if isinstance(node, nodes.Attribute)}
    return "with_for_update" in words | steps


def _name_of(node: Node) -> str:
    if isinstance(node, nodes.Name):
        return str(node.name)
    return str(node.attrname) if isinstance(node, nodes.Attribute) else ""


def _values(found: list[Node], model: str) -> set[str]:
    """The names and numbers that a statement is given, without the class, the Session and the functions."""
    called = {node.func for node in found if isinstance(node, nodes.Call)}
    owners = {node.expr for node in found if isinstance(node, nodes.Attribute)}
    names = {node.name for node in found if isinstance(node, nodes.Name) and node not in called | owners}
    numbers = {
        repr(node.value) for node in found if isinstance(node, nodes.Const) and isinstance(node.value, int | str)
    }
    dotted = {
        node.as_string()
        for node in found
        if isinstance(node, nodes.Attribute) and node not in called and isinstance(node.expr, nodes.Name)
    }
    seen = names | (numbers - {"True", "False"}) | {name for name in dotted if not name.startswith(model)}
    return seen - {model, "stmt", "select"}


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
