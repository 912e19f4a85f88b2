"""Changes of a mapped object that the Session does not see, sees too early, or answers with a load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import READS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import constant, dotted, keyword, parameters
from simulator.labs.lint.loaded import Loaded, class_name
from simulator.labs.lint.models import Model
from simulator.labs.lint.rule import ASYNC_DOCS, Found, Rule
from simulator.labs.lint.tree import DEFS, WITHS, Def, Node, position

_CHANGES = frozenset(
    ["append", "update", "pop", "setdefault", "extend", "insert", "remove", "clear", "popitem", "sort"]
)


def json_in_place(code: Code) -> Iterable[Found]:
    """`user.settings["theme"] = x`, `user.tags.append(x)`, also through a name, of a column that is no Mutable."""
    done: set[tuple[Node, str]] = set()
    for place, value, strong in sorted(_changed(code), key=lambda row: position(row[0])):
        attribute = _behind(code, value)
        if attribute is None:
            continue
        known = _is_silent(code, attribute)
        key = (code.tree.scope[place], attribute.as_string())
        if known is None or key in done or (not known and not strong) or _is_told(code, attribute, place, value):
            continue
        done.add(key)
        yield Found(place, _json_sentence(attribute.as_string(), known), known)


def _json_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is changed in place: the Session does not see it, and no UPDATE is sent.", name=name)
    return Text.of(
        "{name} is changed in place: no UPDATE is sent, unless its column is a MutableDict or flag_modified is called.",
        name=name,
    )


def _changed(code: Code) -> Iterator[tuple[Node, Node, bool]]:
    """Where the inside of a value is changed: the place, the value, and whether it can be no list of objects."""
    for node in code.tree.all(nodes.Subscript):
        holder = node.parent
        stored = isinstance(holder, nodes.Assign | nodes.AugAssign | nodes.Delete | nodes.AnnAssign)
        written = [*getattr(holder, "targets", ()), getattr(holder, "target", None)]
        if stored and node in written:
            yield node.statement(), node.value, not isinstance(node.slice, nodes.Slice)
    for call in code.tree.all(nodes.Call):
        if isinstance(call.func, nodes.Attribute) and call.func.attrname in _CHANGES:
            yield call, call.func.expr, call.func.attrname in ("update", "setdefault")


def _behind(code: Code, value: Node) -> nodes.Attribute | None:
    """The attribute of an object that is changed: through subscripts, and through one name."""
    while isinstance(value, nodes.Subscript):
        value = value.value
    if isinstance(value, nodes.Name):
        given = code.value_of(value)
        value = given[0] if given else value
        while isinstance(value, nodes.Subscript):
            value = value.value
    return value if isinstance(value, nodes.Attribute) and isinstance(value.expr, nodes.Name) else None


def _is_silent(code: Code, attribute: nodes.Attribute) -> bool | None:
    """True: a column of the text that nothing watches; False: of an object whose class is not shown; None: no."""
    row = code.objects.of(attribute.expr)
    if row is not None and not row.many and not row.rows:
        model = code.objects.models.find(row.model)
        if model is None:
            return None if row.model in code.names.classes else False
        return _column_is_silent(model, attribute.attrname) or None
    owner = _annotated_model(code, attribute.expr)
    return False if owner is not None and _column_is_silent(owner, attribute.attrname) else None


def _column_is_silent(model: Model, name: str) -> bool:
    return name in model.columns and model.columns[name].silent


def _annotated_model(code: Code, name: Node) -> Model | None:
    """The mapped class of the text that a parameter is annotated with, or whose method this is."""
    scope = code.tree.scope[name]
    if not isinstance(scope, nodes.FunctionDef) or not isinstance(name, nodes.Name):
        return None
    if name.name == "self":
        owner = code.tree.enclosing_class(name)
        return code.objects.models.find(owner.name) if owner is not None else None
    note = next((note for row, note, _default in parameters(scope) if row.name == name.name), None)
    return code.objects.models.find(code.names.last(note)) if note is not None else None


def _is_told(code: Code, attribute: nodes.Attribute, place: Node, value: Node) -> bool:
    """Whether the Session is told: flag_modified, or another value that is assigned."""
    scope = code.tree.scope[place]
    for call in code.tree.own(scope, nodes.Call):
        if code.names.last(call.func) in ("flag_modified", "flag_dirty", "changed"):
            return True
    through = value.name if isinstance(value, nodes.Name) else ""
    for node in code.tree.own(scope, nodes.Assign):
        for target in node.targets:
            same = isinstance(target, nodes.AssignAttr) and dotted(target) == dotted(attribute)
            back = isinstance(node.value, nodes.Name) and node.value.name == through
            if same and not back and position(node) != position(place):
                return True
    return False


def onupdate_async(code: Code) -> Iterable[Found]:
    """`doc.status = x`, a flush or commit, and `doc.updated_at`, which the server made, read without `await`."""
    for row in code.objects.loaded:
        model = code.objects.models.find(row.model) if not row.many and not row.rows else None
        if model is None or model.eager or code.asynchronous(row.key, row.kind) is not True:
            continue
        columns = {name for name, column in model.columns.items() if column.onupdate}
        flushed = _flushed(code, row) if columns else None
        read = _read_of(code, row, flushed, columns) if flushed is not None else None
        if read is not None:
            yield Found(read, _onupdate_sentence(row.name, min(columns)), True)


def _onupdate_sentence(name: str, column: str) -> Text:
    return Text.of(
        "The UPDATE expired {name}.{column}, which the server made: reading it without await is MissingGreenlet.",
        name=name,
        column=column,
    )


def _flushed(code: Code, row: Loaded) -> Use | None:
    """The flush or commit that sent a change of this object, where it expired nothing else."""
    changes: list[Node] = [
        node
        for node in code.tree.own(row.scope, nodes.AssignAttr)
        if isinstance(node.expr, nodes.Name) and node.expr.name == row.name and code.tree.follows(row.at, node)
    ]
    changes += [
        call
        for call in code.tree.own(row.scope, nodes.Call)
        if code.names.last(call.func) == "setattr" and call.args and dotted(call.args[0]) == row.name
    ]
    ends = [use for use in code.flow(row.scope) if use.key == row.key and use.method in ("flush", "commit")]
    sent = [use for use in ends if any(code.tree.follows(change, use.at) for change in changes)]
    if not sent or (sent[-1].method == "commit" and row.kind.keeps is False):
        return None
    return sent[-1]


def _read_of(code: Code, row: Loaded, flushed: Use, columns: set[str]) -> Node | None:
    """The first read of such a column, or of the object as a whole, that no refresh comes before."""
    for node in sorted(code.tree.own(row.scope, nodes.Name), key=position):
        if node.name != row.name or not code.tree.follows(flushed.at, node):
            continue
        parent = node.parent
        if isinstance(parent, nodes.Attribute) and parent.attrname not in columns:
            continue
        call = code.call_with(node)
        if call is not None and _loads_again(code, call):
            return None
        returned = isinstance(parent, nodes.Return) and isinstance(row.scope, DEFS) and code.is_endpoint(row.scope)
        if isinstance(parent, nodes.Attribute) or (call is not None and _is_whole(code, call)) or returned:
            return node
    return None


def _loads_again(code: Code, call: nodes.Call) -> bool:
    return code.names.last(call.func) in ("refresh", "expunge", "merge")


def _is_whole(code: Code, call: nodes.Call) -> bool:
    """Whether a call reads all attributes of what it is given."""
    last = code.names.last(call.func)
    return last in (
        "model_validate",
        "from_orm",
        "jsonable_encoder",
        "validate_python",
        "parse_obj",
        "to_dict",
        "asdict",
        "dump",
    )


def autoflush_half_filled(code: Code) -> Iterable[Found]:
    """`add(order)`, then a query, then `order.customer = x`: the query flushes the order as it is."""
    if _has_no_autoflush(code):
        return
    for function in code.tree.functions():
        flow = code.flow(function)
        for name, value, key, at in _pending(code, function, flow):
            found = _too_early(code, flow, name, value, key, at)
            if found is not None:
                read, certain = found
                yield Found(read, _autoflush_sentence(name, certain), certain)


def _autoflush_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "This query flushes {name} first, which has not got all that it must have: an IntegrityError.", name=name
        )
    return Text.of(
        "This query flushes {name} first, as it is by now: an IntegrityError if what it gets afterwards is NOT NULL.",
        name=name,
    )


def _has_no_autoflush(code: Code) -> bool:
    return any(constant(keyword(call, "autoflush")) is False for call in code.tree.all(nodes.Call))


def _pending(code: Code, function: Def, flow: list[Use]) -> Iterator[tuple[str, nodes.Call, tuple[Node, str], Node]]:
    """Each object that is added, or appended to one that is: its name, what makes it, its Session, and where."""
    for use in code.uses_in(function):
        if use.method == "add" and use.call.args and isinstance(use.call.args[0], nodes.Name):
            yield from ((*row, use.key, use.call) for row in _made(code, use.call.args[0]))
    for call in code.tree.own(function, nodes.Call):
        if not isinstance(call.func, nodes.Attribute) or call.func.attrname != "append" or not call.args:
            continue
        owner = call.func.expr.expr if isinstance(call.func.expr, nodes.Attribute) else None
        row = code.objects.of(owner) if isinstance(owner, nodes.Name) else None
        if row is not None and isinstance(call.args[0], nodes.Name):
            yield from ((*made, row.key, call) for made in _made(code, call.args[0]))


def _made(code: Code, name: nodes.Name) -> Iterator[tuple[str, nodes.Call]]:
    for value in code.value_of(name):
        if isinstance(value, nodes.Call) and class_name(value.func):
            yield name.name, value


def _too_early(
    code: Code, flow: list[Use], name: str, value: nodes.Call, key: tuple[Node, str], at: Node
) -> tuple[Node, bool] | None:
    later = [
        node
        for node in code.tree.own(code.tree.scope[at], nodes.AssignAttr)
        if dotted(node.expr) == name and code.tree.follows(at, node)
    ]
    for use in flow:
        if use.key != key or use.method not in READS | {"flush", "commit"} or not code.tree.follows(at, use.at):
            continue
        if use.method in ("flush", "commit", "merge") or _is_guarded(code, use.at) or use.method == "get":
            return None
        after = [node for node in later if code.tree.follows(use.at, node) or node.statement().parent_of(use.at)]
        before = {node.attrname for node in later if node not in after}
        if after:
            known = _is_needed(code, value, before, {node.attrname for node in after})
            return (use.at, known) if known is not None else None
    return None


def _is_guarded(code: Code, place: Node) -> bool:
    blocks = code.tree.around(place, *WITHS)
    return any("no_autoflush" in item[0].as_string() for block in blocks for item in block.items)


def _is_needed(code: Code, value: nodes.Call, before: set[str], after: set[str]) -> bool | None:
    """True: what comes later must be there; False: not shown; None: it may be missing."""
    model = code.objects.models.find(code.names.last(value.func))
    if model is None:
        return None if code.names.last(value.func) in code.names.classes else False
    given = {word.arg for word in value.keywords} | before
    if None in given or value.args:
        return None
    needed = {name for name, column in model.columns.items() if column.required} - given
    missing = {
        name for name in needed if name in after or (model.columns[name].points_to and _is_related(model, name, after))
    }
    covered = {f"{name}_id" for name in given if name}
    return True if missing - covered else None


def _is_related(model: Model, column: str, after: set[str]) -> bool:
    """Whether a foreign key is set by a relationship that is assigned later."""
    return any(name in model.relationships for name in after if column.startswith(name)) or bool(
        after & model.relationships.keys() and len(model.relationships) == 1
    )


RULES = (
    Rule(
        "json_in_place",
        N_("The Session compares values and not their insides: what is changed in place looks as it was loaded."),
        "https://docs.sqlalchemy.org/en/21/orm/extensions/mutable.html",
        json_in_place,
    ),
    Rule(
        "onupdate_async",
        N_(
            "A value that the server makes in an UPDATE is not known here: its attribute is expired, and a "
            "read loads it."
        ),
        ASYNC_DOCS + "#preventing-implicit-io-when-using-asyncsession",
        onupdate_async,
    ),
    Rule(
        "autoflush_half_filled",
        N_("A query first flushes all that is pending, also an object that is not filled yet."),
        "https://docs.sqlalchemy.org/en/21/orm/session_basics.html#flushing",
        autoflush_half_filled,
    ),
)
