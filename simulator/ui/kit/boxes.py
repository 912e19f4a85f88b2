"""A row of numbers that the last row of a lecture hall reads: a label, a value, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

#: What is wrong, what leaks, what it costs; never told by colour alone.
Tone = Literal["", "wrong", "leak", "cost"]
_SIGNS = {"wrong": "⚠ ", "leak": "💧 "}


@dataclass(frozen=True, slots=True)
class Box:
    """One number; its texts are plain."""

    label: str
    value: str
    detail: str = ""
    tone: Tone = ""
    #: by which a test finds it
    key: str = ""


def html(boxes: Iterable[Box], *, strip: bool = False) -> str:
    """The boxes beside each other; on a `strip` over the whole page, what is to say stands beside the value."""
    kind = "tx-boxes tx-boxes-strip" if strip else "tx-boxes"
    return f'<div class="{kind}">{"".join(map(_box, boxes))}</div>'


def _box(box: Box) -> str:
    kind = f' class="tx-box-{box.tone}"' if box.tone else ""
    name = f' data-number="{escape(box.key)}"' if box.key else ""
    return (
        f"<div{kind}{name}><small>{escape(box.label)}</small>"
        f"<div><b>{_SIGNS.get(box.tone, '')}{escape(box.value)}</b><small>{escape(box.detail)}</small></div></div>"
    )
