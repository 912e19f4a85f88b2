"""`python -m benchmarks.layers`: docs/layers.svg, drawn from the layers contract in pyproject.toml."""

from __future__ import annotations

import ast
import tomllib
from html import escape
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "layers.svg"
WIDTH, HEIGHT, GAP = 940, 46, 10


def rows() -> list[list[str]]:
    """The packages of each layer, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def sentence(package: str) -> str:
    """The first line of the package's own description."""
    spec = find_spec(f"simulator.{package}")
    source = Path(spec.origin).read_text("utf-8") if spec is not None and spec.origin else ""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def draw() -> str:
    """The picture: a box a package, a row a layer."""
    parts: list[str] = []
    for row, packages in enumerate(rows()):
        width = (WIDTH - GAP * (len(packages) + 1)) / len(packages)
        for column, package in enumerate(packages):
            x, y = GAP + column * (width + GAP), GAP + row * (HEIGHT + GAP)
            told = sentence(package)
            fits = int(width / 6.6)
            parts.append(
                f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}" rx="6" class="box"/>'
                f'<text x="{x + 12:.0f}" y="{y + 19}" class="name">{escape(package)}</text>'
                f'<text x="{x + 12:.0f}" y="{y + 37}" class="told">'
                f"{escape(told if len(told) <= fits else told[: fits - 1] + '…')}</text>"
            )
    height = GAP + len(rows()) * (HEIGHT + GAP)
    style = (
        ".box{fill:#F2F5F9;stroke:#5B6B82}.name{font:600 14px sans-serif;fill:#14181F}"
        ".told{font:12px sans-serif;fill:#3A4453}"
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>Layers of simulator/</title><style>{style}</style>\n{body}\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
