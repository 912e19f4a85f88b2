"""Where a value stands in a TOML file: the standard parser keeps no line numbers, so a syntax tree is asked."""

from __future__ import annotations

import tomllib

import tree_sitter_toml
from tree_sitter import Language, Node, Parser, Tree

#: Keys and indexes from the root to a value: ("variants", 0, "sessions", "T1", 2, "sql").
Location = tuple[str | int, ...]

#: Nothing that a scenario file may hold lies deeper.
_MAX_DEPTH = 8
#: Nodes of a syntax tree in one another; each bracket and each dot of a key is one or two.
MAX_NESTING = 40
#: Dots of a line that cannot be parsed: beyond, they would be a key that costs the standard parser seconds.
_MAX_DOTS = 1_000


def path(location: Location) -> str:
    """A location as it is written in messages, cut after 120 characters.

    >>> path(("variants", 0, "sessions", "T1", 2, "sql"))
    'variants[0].sessions.T1[2].sql'
    """
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")[:120]


def nesting(text: str) -> int | None:
    """The first line, from 1, with brackets or dotted keys too deep for any scenario; None where there is none."""
    tree = _tree(text)
    cursor, depth = tree.walk(), 0
    while True:
        if cursor.goto_first_child():
            depth += 1
            if depth > MAX_NESTING and cursor.node is not None:
                return _line(cursor.node)
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return _dotted(text) if tree.root_node.has_error else None
            depth -= 1


def _dotted(text: str) -> int | None:
    lines = enumerate(text.split("\n"), start=1)
    return next((number for number, line in lines if line.count(".") > _MAX_DOTS), None)


def _tree(text: str) -> Tree:
    return Parser(Language(tree_sitter_toml.language())).parse(text.encode())


class Positions:
    """Lines of one file that the standard parser has accepted."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Location, int] = {(): 1}
        self._last: dict[Location, int] = {}
        for node in _tree(text).root_node.named_children:
            self._statement(node)

    def line(self, location: Location) -> int:
        """Line, from 1, of the value or of the innermost part of its path that is there."""
        while location not in self._lines:
            location = location[:-1]
        return self._lines[location]

    def _statement(self, node: Node) -> None:
        if node.type == "pair":
            self._pair((), node)
        elif node.type in ("table", "table_array_element"):
            header, *pairs = (child for child in node.named_children if child.type != "comment")
            place = self._header(header, node.type == "table_array_element")
            self._lines.setdefault(place, _line(node))
            for pair in pairs:
                self._pair(place, pair)

    def _header(self, header: Node, is_array: bool) -> Location:
        place: Location = ()
        *parents, last = _keys(header)
        for key in parents:
            place = self._latest((*place, key))
        place = (*place, last)
        if is_array:
            self._lines.setdefault(place, _line(header))
            self._last[place] = self._last.get(place, -1) + 1
        return self._latest(place)

    def _latest(self, place: Location) -> Location:
        """A header names the last element of an array of tables."""
        return (*place, self._last[place]) if place in self._last else place

    def _pair(self, place: Location, node: Node) -> None:
        parts = [child for child in node.named_children if child.type != "comment"]
        if node.type != "pair" or len(parts) != 2:
            return
        for key in _keys(parts[0]):
            place = (*place, key)
            self._lines.setdefault(place, _line(node))
        self._value(place, parts[1])

    def _value(self, place: Location, node: Node) -> None:
        if len(place) > _MAX_DEPTH:
            return
        if node.type == "inline_table":
            for pair in node.named_children:
                self._pair(place, pair)
        elif node.type == "array":
            for index, item in enumerate(child for child in node.named_children if child.type != "comment"):
                self._lines[(*place, index)] = _line(item)
                self._value((*place, index), item)


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _keys(node: Node) -> list[str]:
    if node.type == "dotted_key":
        return [key for child in node.named_children for key in _keys(child)]
    text = (node.text or b"").decode()
    return [next(iter(tomllib.loads(f"{text} = 0")))] if node.type == "quoted_key" else [text]
