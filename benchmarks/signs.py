"""`python -m benchmarks signs FOLDER...`: the reader of pasted code on the sources of whole packages, a row each.

`--list` prints every certain sign with its line, to be read by a person: whether a sign is false, no program can say.
A package is fetched with `pip download --no-deps NAME` and unpacked; nothing of it is installed or run.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from simulator.errors import SnippetError
from simulator.labs.lint.rule import Sign
from simulator.labs.lint.signs import read

#: A file without any of these has nothing to do with SQLAlchemy's Sessions.
_MENTIONS = re.compile(r"sqlalchemy|sqlmodel|\.session\b|advanced_alchemy")


@dataclass
class Package:
    """What came of reading one."""

    name: str
    files: int = 0
    refused: int = 0
    slowest: float = 0.0
    signs: list[tuple[Path, Sign, str]] = field(default_factory=list)

    def certain(self) -> list[tuple[Path, Sign, str]]:
        return [row for row in self.signs if row[1].certain]


def examine(folder: Path) -> Package:
    """Read every file of a package that mentions SQLAlchemy."""
    package = Package(folder.name)
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text("utf-8", errors="replace")
        if not _MENTIONS.search(text):
            continue
        package.files += 1
        begin = time.perf_counter()
        try:
            signs = read(text)
        except SnippetError:
            package.refused += 1
            continue
        package.slowest = max(package.slowest, time.perf_counter() - begin)
        lines = text.split("\n")
        package.signs.extend((path.relative_to(folder), sign, lines[sign.line - 1].strip()) for sign in signs)
    return package


def command(arguments: list[str]) -> int:
    """Print a row for each folder; with `--list`, each certain sign too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signs", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="the unpacked packages")
    parser.add_argument("--list", action="store_true", help="print each certain sign")
    options = parser.parse_args(arguments)
    print("package                   files  refused  certain  depends  slowest")
    for folder in options.folders:
        found = examine(folder)
        certain = found.certain()
        depends = len(found.signs) - len(certain)
        row = f"{found.name:24} {found.files:6} {found.refused:8} {len(certain):8} {depends:8} {found.slowest:7.2f}s"
        print(row, flush=True)
        for path, sign, line in certain if options.list else ():
            print(f"    {sign.mistake:24} {path}:{sign.line}  {line[:100]}")
        if options.list:
            print("    depends:", dict(Counter(sign.mistake for _path, sign, _line in found.signs if not sign.certain)))
    return 0
