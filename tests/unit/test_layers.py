"""The README's picture of the layers is the contract's."""

from __future__ import annotations

from benchmarks.layers import PICTURE, draw, rows, sentence


def test_the_picture_is_drawn_from_the_contract_as_it_is() -> None:
    assert PICTURE.read_text("utf-8") == draw(), "run python -m benchmarks.layers"


def test_every_package_says_what_it_is() -> None:
    assert [name for row in rows() for name in row if not sentence(name)] == []
