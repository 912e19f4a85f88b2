"""Collect every text that a person reads, from the code and from the scenarios, and bring the catalogues up to date."""

from __future__ import annotations

import ast
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import read_po, write_po

from simulator.i18n import DOMAIN, LANGUAGES, catalogue_path
from simulator.i18n.comments import comments

#: keys of a scenario file whose values are shown to people
SCENARIO_KEYS = frozenset({"title", "story", "note"})
#: calls that name a message; of `Text`, whose methods carry names that other classes have too, with the class
KEYWORDS = {**DEFAULT_KEYWORDS, "Text.of": None, "Text.many": (1, 2)}
#: files, and the function that reads them; as Babel names it
SOURCES = (
    ("simulator/**/*.py", f"{__name__}:extract_python"),
    ("pages/*.py", f"{__name__}:extract_python"),
    ("app.py", f"{__name__}:extract_python"),
    ("simulator/**/*.toml", f"{__name__}:extract_scenario"),
    # Where the code stands that pages show. What is public in it is shown; private functions bring them to collide.
    ("simulator/labs/fastapi/dependencies.py", f"{__name__}:extract_comments"),
    ("simulator/labs/fastapi/endpoints*.py", f"{__name__}:extract_comments"),
    ("simulator/labs/mistakes/catalogue/*.py", f"{__name__}:extract_comments"),
    ("simulator/labs/mistakes/forked.py", f"{__name__}:extract_comments"),
    ("simulator/labs/mistakes/sqlstate.py", f"{__name__}:extract_comments"),
    ("simulator/labs/sessions/acid/application.py", f"{__name__}:extract_comments"),
    ("simulator/labs/sessions/kinds*.py", f"{__name__}:extract_comments"),
)
UNWANTED = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Report-Msgid', b'"Last-Translator', b'"Language-Team')

Texts = str | tuple[str | None, ...]
Found = tuple[int, str, Texts, list[str]]


def extract_python(
    fileobj: IO[bytes], keywords: Iterable[str], comment_tags: Iterable[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """Babel extractor: calls of gettext and its relatives. Babel's own does not look into f-strings."""
    names = frozenset(keywords)
    calls = [node for node in ast.walk(ast.parse(fileobj.read())) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = _called(call.func)
        texts = tuple(map(_literal, call.args))
        if name in names and texts and texts[0] is not None:
            yield call.lineno, name, texts if len(texts) > 1 else texts[0], []


def extract_scenario(
    fileobj: IO[bytes], keywords: Iterable[str], comment_tags: Iterable[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """Babel extractor: titles, stories and notes of a scenario file, as the loader reads them."""
    text = fileobj.read().decode("utf-8")
    for value in _texts(tomllib.loads(text)):
        first_words = value.splitlines()[0][:40]
        yield text[: max(text.find(first_words), 0)].count("\n") + 1, "gettext", value, []


def extract_comments(
    fileobj: IO[bytes], keywords: Iterable[str], comment_tags: Iterable[str], options: Mapping[str, Any]
) -> Iterator[Found]:
    """Babel extractor: comments inside of a module's public functions and classes, as `translated` looks for them."""
    source = fileobj.read().decode("utf-8")
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    parts = (node for node in ast.parse(source).body if isinstance(node, named))
    shown = [range(each.lineno, (each.end_lineno or 0) + 2) for each in parts if not each.name.startswith("_")]
    for comment in comments(source):
        is_for_programs = comment.words.startswith(("#:", "noqa"))
        if comment.column and not is_for_programs and any(comment.line in lines for lines in shown):
            yield comment.line, "gettext", comment.words, []


def template(root: Path) -> Catalog:
    """All messages of the project at `root`."""
    made = Catalog(project="Txscope", domain=DOMAIN, charset="utf-8")
    for pattern, method in SOURCES:
        for path in sorted(root.glob(pattern)):
            for line, message, notes, context in extract_from_file(
                method, path, keywords=KEYWORDS, comment_tags=("i18n:",), strip_comment_tags=True
            ):
                made.add(
                    message, None, [(path.relative_to(root).as_posix(), line)], auto_comments=notes, context=context
                )
    return made


def update(root: Path) -> Mapping[str, tuple[int, int]]:
    """Rewrite every catalogue without what is no longer used; language -> (messages translated, messages)."""
    found = template(root)
    counts = {}
    for language in LANGUAGES:
        if language == "en":
            continue
        path = catalogue_path(language)
        catalogue = _read(path, language)
        catalogue.update(found, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        catalogue.header_comment = f"# Txscope in {LANGUAGES[language]}."
        out = io.BytesIO()
        # without line numbers and dates: an unrelated edit must not touch the catalogue
        write_po(out, catalogue, width=110, include_lineno=False, sort_by_file=True, omit_header=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_without_placeholders(out.getvalue()))
        messages = [message for message in catalogue if message.id]
        counts[language] = (sum(bool(message.string and any(message.string)) for message in messages), len(messages))
    return counts


def _read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=language, domain=DOMAIN, charset="utf-8", fuzzy=False)
    return read_po(io.BytesIO(path.read_bytes()), locale=language, domain=DOMAIN)


def _without_placeholders(po: bytes) -> bytes:
    """Drop the header lines that are dates, or that nobody filled in."""
    lines = po.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(UNWANTED))


def _called(function: ast.expr) -> str:
    """`gettext`, `N_`, `Text.of`; of any other method its name alone."""
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="Text"), attr=name):
            return f"Text.{name}"
        case ast.Attribute(attr=name):
            return name
    return ""


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in SCENARIO_KEYS and isinstance(item, str):
                if item.strip():
                    yield item
            else:
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
