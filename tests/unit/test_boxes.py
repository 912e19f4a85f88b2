"""Number boxes: what is wrong is told by a sign too, and a stranger's text stays text."""

from __future__ import annotations

from simulator.ui.kit.boxes import Box, html


def test_a_tone_is_told_by_a_sign_and_not_by_colour_alone() -> None:
    assert "<b>⚠ 0</b>" in html([Box("Stored", "0", tone="wrong")])
    assert "<b>💧 1</b>" in html([Box("Leaked", "1", tone="leak")])
    assert "⚠" not in html([Box("Stored", "1")])


def test_texts_are_only_read() -> None:
    found = html([Box("<i>", "<b>", "<u>")])
    assert not {"<i>", "<u>"} & set(found.split("<small>"))
    assert found.count("<b>") == 1
    assert "&lt;i&gt;" in found
    assert "&lt;b&gt;" in found
    assert "&lt;u&gt;" in found
