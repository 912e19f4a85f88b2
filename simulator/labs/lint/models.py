"""The mapped classes of a snippet: their columns and relationships, as far as rules ask for them."""

from __future__ import annotations

from dataclasses import dataclass

from astroid import nodes

from simulator.labs.lint.kinds import constant, dotted, keyword, pairs
from simulator.labs.lint.names import Names
from simulator.labs.lint.tree import Node, walk

_LAZY_IS_SAFE = frozenset(
    ["selectin", "joined", "subquery", "immediate", "raise", "raise_on_sql", "dynamic", "write_only", "noload"]
)
_COLUMNS = ("Column", "mapped_column", "Field", "column_property", "deferred")
_RELATIONS = ("relationship", "Relationship", "dynamic_loader")
_IN_PLACE = frozenset(["JSON", "JSONB", "ARRAY", "HSTORE", "PickleType"])
_ON_SERVER = frozenset(["func", "text", "FetchedValue", "select", "literal_column"])


@dataclass(frozen=True, slots=True)
class Column:
    """One mapped attribute that is a column."""

    #: its value can be changed in place, and no Mutable tells the Session so
    silent: bool
    #: it must have a value, and has none of itself
    required: bool
    #: an UPDATE gives it a value that only the server knows
    onupdate: bool
    #: the table that it points to, of a foreign key
    points_to: str


@dataclass(frozen=True, slots=True)
class Model:
    """A class of the text that is mapped; what bases of the text give it is included."""

    name: str
    columns: dict[str, Column]
    #: relationship -> whether reading it may send a statement
    relationships: dict[str, bool]
    #: fetches what the server made as soon as it flushed
    eager: bool


class Models:
    """All of a text."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._own = {name: self._read(node) for name, node in names.classes.items()}
        self.relationships = {key: lazy for model in self._own.values() for key, lazy in model.relationships.items()}

    def find(self, name: str) -> Model | None:
        """The mapped class of this name; None where the text does not show it."""
        node = self._names.classes.get(name)
        if node is None:
            return None
        family = [self._own[name], *(self._own[base.name] for base in self._names.bases(node))]
        columns = {key: column for model in reversed(family) for key, column in model.columns.items()}
        relations = {key: lazy for model in reversed(family) for key, lazy in model.relationships.items()}
        if not columns and not relations:
            return None
        return Model(name, columns, relations, any(model.eager for model in family))

    def _read(self, node: nodes.ClassDef) -> Model:
        columns: dict[str, Column] = {}
        relationships: dict[str, bool] = {}
        for item in node.body:
            target, note, value = _attribute(item)
            last = self._names.last(value.func) if isinstance(value, nodes.Call) else ""
            if last in _RELATIONS and isinstance(value, nodes.Call):
                relationships[target] = constant(keyword(value, "lazy")) not in _LAZY_IS_SAFE
            elif target and (last in _COLUMNS or _is_mapped(note)):
                columns[target] = self._column(note, value)
        eager = any(
            constant(key) == "eager_defaults" and constant(value) is True
            for part in walk(node)
            if isinstance(part, nodes.Dict)
            for key, value in pairs(part)
        )
        return Model(node.name, columns, relationships, eager)

    def _column(self, note: Node | None, value: Node | None) -> Column:
        parts = [*(walk(note) if note else ()), *(walk(value) if value else ())]
        named = {self._names.last(part) for part in parts if isinstance(part, nodes.Name | nodes.Attribute)}
        called = [part for part in parts if isinstance(part, nodes.Call)]
        wraps = "as_mutable" in named or any(name.startswith("Mutable") for name in named)
        words = {word.arg: word.value for word in value.keywords} if isinstance(value, nodes.Call) else {}
        updates = words.get("onupdate")
        server = isinstance(updates, nodes.Call | nodes.Attribute) and self._is_server(updates)
        target = next(
            (constant(call.args[0]) for call in called if self._names.last(call.func) == "ForeignKey" and call.args), ""
        )
        return Column(
            bool(named & _IN_PLACE) and not wraps,
            self._is_required(note, words, named),
            server or "server_onupdate" in words,
            str(target or "").partition(".")[0],
        )

    def _is_server(self, value: Node) -> bool:
        root = value.func if isinstance(value, nodes.Call) else value
        while isinstance(root, nodes.Attribute):
            root = root.expr
        return self._names.last(root) in _ON_SERVER

    def _is_required(self, note: Node | None, words: dict[str | None, Node], named: set[str]) -> bool:
        if words.keys() & {"default", "server_default", "default_factory", "insert_default"} or "primary_key" in words:
            return False
        nullable = constant(words.get("nullable"))
        if nullable is not None:
            return nullable is False
        optional = note is not None and ("None" in note.as_string() or "Optional" in note.as_string())
        return _is_mapped(note) and not optional


def _attribute(item: Node) -> tuple[str, Node | None, Node | None]:
    """The name, the annotation and the value of an attribute of a class; "" for anything else."""
    if isinstance(item, nodes.AnnAssign) and isinstance(item.target, nodes.AssignName):
        return item.target.name, item.annotation, item.value
    if isinstance(item, nodes.Assign) and isinstance(item.targets[0], nodes.AssignName):
        return item.targets[0].name, None, item.value
    return "", None, None


def _is_mapped(note: Node | None) -> bool:
    return isinstance(note, nodes.Subscript) and (dotted(note.value) or "").rpartition(".")[2] == "Mapped"
