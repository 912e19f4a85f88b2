"""Whose a name is and what it was imported as: astroid's scopes, asked in a snippet's own terms.

Only scopes are asked. astroid's inference is not: it reads installed packages from the disk and knows no deadline.
"""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from simulator.labs.lint.kinds import Key, decorators, dotted, parameters
from simulator.labs.lint.tree import DEFS, Def, Node, Tree


class Names:
    """Resolves the names of one snippet. Nothing is imported."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._found: dict[Node, tuple[Node, list[Node]]] = {}
        self._keys: dict[Node, Key | None] = {}
        self._canonical: dict[Node, str] = {}
        self._attributes: dict[Node, set[str]] = {}
        self.modules = {
            full.partition(".")[0] for node in tree.all(nodes.Import, nodes.ImportFrom) for full in _full(node)
        }
        self.classes: dict[str, nodes.ClassDef] = {node.name: node for node in tree.all(nodes.ClassDef)}
        self.defs: dict[str, Def] = {node.name: node for node in tree.all(*DEFS)}
        self._aliases = {
            node.targets[0].name: node.value
            for node in tree.all(nodes.Assign)
            if isinstance(node.targets[0], nodes.AssignName) and isinstance(node.value, nodes.Subscript | nodes.Name)
        }

    def look_up(self, node: nodes.Name | nodes.AssignName) -> tuple[Node, list[Node]]:
        """The scope that owns a name, and what may have given it its value here."""
        if node not in self._found:
            self.tree.tick()
            scope, found = node.lookup(node.name)
            # Python's own names come with astroid; here they stand for nothing.
            self._found[node] = scope, [stmt for stmt in found if stmt.root() is self.tree.module]
        return self._found[node]

    def owner(self, node: nodes.Name | nodes.AssignName) -> Node:
        """The scope that owns a name: a function, class, module or comprehension."""
        if isinstance(node, nodes.AssignName):
            shared = node in self.tree.module.locals.get(node.name, ())
            return self.tree.module if shared else node.scope()
        scope, found = self.look_up(node)
        if found:
            return scope
        outer = node.scope()
        while outer is not self.tree.module and node.name not in outer.locals:
            outer = self.tree.module if outer.parent is None else outer.parent.scope()
        return outer

    def key_of(self, node: Node | None) -> Key | None:
        """Whose name this is; attributes of `self` belong to the class of the text that first gives them a value."""
        if node is None:
            return None
        if node not in self._keys:
            self._keys[node] = self._key_of(node)
        return self._keys[node]

    def _key_of(self, node: Node) -> Key | None:
        if isinstance(node, nodes.Name | nodes.AssignName):
            return self.owner(node), node.name
        name = dotted(node)
        if name is None:
            return None
        first, _dot, rest = name.partition(".")
        owner = self.tree.enclosing_class(node)
        if owner is not None and first in ("self", "cls", owner.name):
            return self._holder(owner, rest), f"self.{rest}"
        if first in self.classes:
            return self.classes[first], f"self.{rest}"
        return self.tree.module, name

    def _holder(self, owner: nodes.ClassDef, attribute: str) -> nodes.ClassDef:
        """The class of the text, this one or a base, in which an attribute is given its value."""
        family = [owner, *self.bases(owner)]
        found = (one for one in reversed(family) if attribute in one.locals or attribute in self._given(one))
        return next(found, owner)

    def _given(self, owner: nodes.ClassDef) -> set[str]:
        if owner not in self._attributes:
            methods = (item for item in owner.body if isinstance(item, DEFS))
            written = (node for method in methods for node in self.tree.own(method, nodes.AssignAttr))
            self._attributes[owner] = {node.attrname for node in written if dotted(node.expr) in ("self", "cls")}
        return self._attributes[owner]

    def bases(self, owner: nodes.ClassDef) -> list[nodes.ClassDef]:
        """The classes of the text that a class comes from, nearest first."""
        found: list[nodes.ClassDef] = []
        waiting = [owner]
        for current in waiting:
            for base in current.bases:
                name = dotted(base) if isinstance(base, Node) else None
                known = self.classes.get((name or "").rpartition(".")[2])
                if known is not None and known is not owner and known not in found:
                    found.append(known)
                    waiting.append(known)
        return found

    def imported(self, node: nodes.Name) -> str | None:
        """The full name of what a name was imported as."""
        for stmt in self.look_up(node)[1]:
            if isinstance(stmt, nodes.Import | nodes.ImportFrom):
                return next((full for name, full in _imports(stmt) if name == node.name), None)
        return None

    def canonical_of(self, stmt: nodes.Import | nodes.ImportFrom, name: str) -> str:
        """The full name of one name of an import."""
        return next((full for given, full in _imports(stmt) if given == name), "")

    def canonical(self, node: Node | None) -> str:
        """The full name that an expression was imported as; "" where it has none."""
        while isinstance(node, nodes.Subscript):
            node = node.value
        if node is None:
            return ""
        if node not in self._canonical:
            self._canonical[node] = self._full_name(node)
        return self._canonical[node]

    def _full_name(self, node: Node) -> str:
        name = dotted(node)
        if name is None:
            return ""
        root, dot, rest = name.partition(".")
        while isinstance(node, nodes.Attribute | nodes.AssignAttr):
            node = node.expr
        full = self.imported(node) if isinstance(node, nodes.Name) else None
        return (full or root) + dot + rest

    def last(self, node: Node | None) -> str:
        """The last part of a canonical name, or of a method's call on any expression."""
        while isinstance(node, nodes.Subscript):
            node = node.value
        return node.attrname if isinstance(node, nodes.Attribute) else self.canonical(node).rpartition(".")[2]

    def alias(self, name: str) -> Node | None:
        """What an alias of the snippet (`SessionDep = Annotated[...]`) stands for."""
        return self._aliases.get(name)

    def function(self, node: Node | None) -> Def | None:
        """The function of the text that a plain name stands for."""
        if not isinstance(node, nodes.Name):
            return None
        found = [stmt for stmt in self.look_up(node)[1] if isinstance(stmt, nodes.FunctionDef)]
        return found[-1] if found else None

    def class_of(self, node: Node | None) -> nodes.ClassDef | None:
        """The class of the text that a name stands for."""
        return self.classes.get(self.last(node)) if isinstance(node, nodes.Name) else None

    def method(self, owner: nodes.ClassDef | None, name: str) -> Def | None:
        """A method of a class of the text, its own or inherited."""
        family = [owner, *self.bases(owner)] if owner else []
        found = (item for one in family for item in one.body if isinstance(item, DEFS) and item.name == name)
        return next(found, None)

    def decorated(self, function: Def) -> set[str]:
        """The last parts of the names of its decorators."""
        called = (item.func if isinstance(item, nodes.Call) else item for item in decorators(function))
        return {self.last(item) for item in called}

    def is_generator(self, function: Def) -> bool:
        """Whether calling it makes a generator."""
        return any(True for _ in self.tree.own(function, nodes.Yield, nodes.YieldFrom))

    def parameter(self, function: Def, name: str) -> nodes.AssignName | None:
        return next((row for row, _note, _default in parameters(function) if row.name == name), None)


def _imports(node: nodes.Import | nodes.ImportFrom) -> Iterator[tuple[str, str]]:
    """Each name that an import gives, with what it stands for."""
    for name, asname in node.names:
        if isinstance(node, nodes.ImportFrom):
            yield asname or name, f"{'.' * (node.level or 0)}{node.modname or ''}.{name}"
        elif asname:
            yield asname, name
        else:
            yield (name.partition(".")[0],) * 2


def _full(node: nodes.Import | nodes.ImportFrom) -> Iterator[str]:
    return (full for _name, full in _imports(node))
