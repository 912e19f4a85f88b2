"""Another mistake is looked at from its beginning: whoever opened it at the foot of the page is brought to the top."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import streamlit as st

_SCRIPT = """
const shown = new WeakMap()
export default function ({ data }) {
  const main = document.querySelector("[data-testid=stMain]")
  if (!main) return
  if (shown.has(main) && shown.get(main) !== data.key) main.scrollTo({ top: 0 })
  shown.set(main, data.key)
}
"""


def of(key: str) -> None:
    """Scroll to the top where another key than before is shown."""
    _component()(key="mistakes_top", data={"key": key})


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_top", js=_SCRIPT)
