"""What was read decides what is written, and nothing keeps others from doing the same meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import READS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import constant, dotted, keyword, pairs
from simulator.labs.lint.loaded import Loaded, class_name
from simulator.labs.lint.rule import Found, Rule
from simulator.labs.lint.tree import Def, Node, inside, position, walk

_ISOLATION = "https://www.postgresql.org/docs/current/transaction-iso.html"
_SUMS = ("sum", "count", "max", "min", "avg")
_HANDLED = frozenset(
    [
        "IntegrityError",
        "UniqueViolation",
        "StaleDataError",
        "SerializationFailure",
        "OperationalError",
        "DBAPIError",
        "SQLAlchemyError",
    ]
)


def read_modify_write(code: Code) -> Iterable[Found]:
    """`account.balance -= amount` of an object that was loaded without a lock."""
    if _is_serializable(code):
        return
    done: set[tuple[Node, str]] = set()
    for place, owner, attribute in sorted(_reckoned(code), key=lambda row: position(row[0])):
        row = code.objects.of(owner)
        function = code.tree.function(place)
        if row is None or row.many or row.rows or function is None or code.is_test(function):
            continue
        key = (function, f"{owner.name}.{attribute}")
        if (
            key in done
            or _is_locked(code, row, owner, place)
            or _has_version(code, row)
            or not _is_stored(code, function, row, place)
        ):
            continue
        done.add(key)
        yield Found(
            place,
            Text.of(
                "{name} is reckoned here from what was read before: a change that another request commits in "
                "between is lost, "
                "unless the row is locked or has a version.",
                name=key[1],
            ),
            False,
        )


def _reckoned(code: Code) -> Iterator[tuple[Node, nodes.Name, str]]:
    """`x.n += 1`, `x.n = x.n - 1`: the statement, the object and the attribute."""
    for node in code.tree.all(nodes.AugAssign):
        target = node.target
        if (
            isinstance(target, nodes.AssignAttr)
            and isinstance(target.expr, nodes.Name)
            and node.op in ("+=", "-=", "*=", "/=")
        ) and not _is_sql(node.value):
            yield node, target.expr, target.attrname
    for single in code.tree.all(nodes.Assign):
        written = single.targets[0]
        if not isinstance(written, nodes.AssignAttr) or not isinstance(written.expr, nodes.Name):
            continue
        same = [part for part in code.parts(single.value) if dotted(part) == dotted(written)]
        reckons = any(isinstance(part, nodes.BinOp) and part.op in "+-*/" for part in code.parts(single.value))
        if same and reckons and not _is_sql(single.value):
            yield single, written.expr, written.attrname


def _is_sql(value: Node) -> bool:
    """`x.n = X.n + 1` is reckoned by the database."""
    return any(isinstance(part, nodes.Attribute) and class_name(part.expr) for part in walk(value))


def _is_serializable(code: Code) -> bool:
    texts = [str(constant(node)).upper() for node in code.tree.all(nodes.Const) if isinstance(constant(node), str)]
    return any(text in ("SERIALIZABLE", "REPEATABLE READ") or "ISOLATION LEVEL" in text for text in texts)


def _is_locked(code: Code, row: Loaded, owner: nodes.Name, place: Node) -> bool:
    named = [part for part in code.parts(row.at) if isinstance(part, nodes.Call | nodes.Attribute)]
    words = {word.arg for part in named if isinstance(part, nodes.Call) for word in part.keywords}
    steps = {part.attrname for part in named if isinstance(part, nodes.Attribute)}
    if "with_for_update" in words | steps or any("advisory" in step for step in steps):
        return True
    again = [
        use
        for use in code.flow(code.tree.scope[place])
        if use.method in ("refresh", "execute", "get", "query", "scalars", "scalar")
    ]
    return any(
        "with_for_update" in code.chain(use.call).as_string() or "lock" in use.call.as_string().lower() for use in again
    )


def _has_version(code: Code, row: Loaded) -> bool:
    node = code.names.classes.get(row.model)
    return node is not None and any(
        constant(key) == "version_id_col"
        for part in walk(node)
        if isinstance(part, nodes.Dict)
        for key, _value in pairs(part)
    )


def _is_stored(code: Code, function: Def, row: Loaded, place: Node) -> bool:
    """Whether a commit can follow: here, or in whatever gave the Session."""
    ends = [use for use in code.flow(function) if use.key == row.key and use.method in ("commit", "flush")]
    return any(code.tree.follows(place, use.at) for use in ends) or any(
        inside(place, block) for block in code.begun(row.key)
    )


def check_then_insert(code: Code) -> Iterable[Found]:
    """`if db.query(User).filter_by(email=e).first() is None: db.add(User(email=e))`, with no handler of a duplicate."""
    if _is_serializable(code):
        return
    for branch in code.tree.all(nodes.If):
        function = code.tree.function(branch)
        if function is None or code.is_test(function) or _handles(code, function):
            continue
        use, model = _asked(code, branch.test)
        if use is None or not model:
            yield from _reckoned_from_many(code, function, branch)
            continue
        added = _added(code, function, branch, use, model)
        if added is not None:
            yield Found(
                added.at,
                Text.of(
                    "Two requests can both find no {model} and both insert one: a duplicate, or an "
                    "IntegrityError that nothing "
                    "here handles, unless a lock is taken before.",
                    model=model,
                ),
                False,
            )


def _behind(code: Code, test: Node) -> Iterator[Node]:
    """The nodes of a condition, and of what its names were given, awaited or not."""
    for part in walk(test):
        yield part
        for value in code.value_of(part) if isinstance(part, nodes.Name) else ():
            yield from walk(value)


def _reckoned_from_many(code: Code, function: Def, branch: nodes.If) -> Iterator[Found]:
    """`if total < limit:` with a sum or a count of several rows, and a change after it."""
    for part in _behind(code, branch.test):
        use = next((one for one in code.uses if one.call is part and one.method in READS), None)
        if use is None or not _is_aggregate(code, use):
            continue
        for later in code.flow(function):
            written = later.method in ("add", "add_all") or code.writes(later)
            comes = inside(later.at, branch) or code.tree.follows(branch, later.at)
            if later.key == use.key and written and comes and code.tree.follows(use.call, later.at):
                yield Found(use.call, _aggregate_sentence(), False)
                return
        for node in code.tree.own(function, nodes.AssignAttr):
            row = code.objects.of(node.expr)
            if row is not None and row.key == use.key and code.tree.follows(branch, node):
                yield Found(use.call, _aggregate_sentence(), False)
                return


def _aggregate_sentence() -> Text:
    return Text.of(
        "What is allowed is decided by several rows that nobody locks: two requests can both be allowed, "
        "unless they are "
        "SERIALIZABLE or lock one row first."
    )


def _is_aggregate(code: Code, use: Use) -> bool:
    steps = [part for part in code.parts(code.chain(use.call)) if isinstance(part, nodes.Attribute)]
    of_func = any(
        isinstance(part.expr, nodes.Name) and part.expr.name == "func" for part in steps if part.attrname in _SUMS
    )
    return of_func or any(
        part.attrname == "count" and isinstance(part.parent, nodes.Call) and use.method == "query" for part in steps
    )


def _asked(code: Code, test: Node) -> tuple[Use | None, str]:
    """The query that a condition asks, and the class that it looks for."""
    for part in _behind(code, test):
        use = next((one for one in code.uses if one.call is part and one.method in READS), None)
        if use is None or keyword(use.call, "with_for_update") is not None:
            continue
        nodes_of = [*code.parts(code.chain(use.call))]
        if any(isinstance(one, nodes.Attribute) and one.attrname in ("with_for_update", "id") for one in nodes_of):
            continue
        row = code.objects.of(use.call)
        if row is not None and use.method not in ("get", "get_one"):
            return use, row.model
    return None, ""


def _added(code: Code, function: Def, branch: nodes.If, asked: Use, model: str) -> Use | None:
    """The add of a new object of this class that the condition leads to."""
    leaves = isinstance(branch.body[-1], nodes.Raise | nodes.Return)
    empty = (
        "not " in branch.test.as_string() or "is None" in branch.test.as_string() or "== 0" in branch.test.as_string()
    )
    for use in code.flow(function):
        if use.method != "add" or use.key != asked.key or not use.call.args:
            continue
        made = [part for part in code.parts(use.call.args[0]) if isinstance(part, nodes.Call)]
        new = any(class_name(part.func) == model for part in made)
        within = inside(use.at, branch) and (empty or any(inside(use.at, part) for part in branch.orelse))
        after = leaves and not empty and code.tree.follows(branch, use.at)
        if new and (within or after):
            return use
    return None


def _handles(code: Code, function: Def) -> bool:
    """Whether anything of the function catches a duplicate, or takes a lock first."""
    caught = [handler.type for block in code.tree.own(function, nodes.Try) for handler in block.handlers]
    names = {
        code.names.last(part)
        for kind in caught
        if kind is not None
        for part in walk(kind)
        if isinstance(part, nodes.Name | nodes.Attribute)
    }
    texts = function.as_string().lower()
    return bool(names & (_HANDLED | {"Exception"})) or "lock" in texts or "on_conflict" in texts


RULES = (
    Rule(
        "orm_lost_update",
        N_("Two requests read the same value, and the second one to commit writes over what the first one wrote."),
        _ISOLATION,
        read_modify_write,
    ),
    Rule(
        "orm_write_skew",
        N_("What a query did not find is locked by nobody: two requests can find nothing at the same time."),
        _ISOLATION,
        check_then_insert,
    ),
)
