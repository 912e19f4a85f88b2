"""What is remembered for one tab of a browser: every place has a page, a name, a type and what it is before it is set.

Streamlit has one namespace for all pages, their controls and everything else; nothing outside of this module opens it.
It forgets a control while another page is open. A control that is itself what counts is therefore shown with
`persist_state="session"`; one that stands for something else, such as what is picked, is set to it before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

import streamlit as st

T = TypeVar("T")

#: In place of a page's name: the page that is shown, for what several pages show and each remembers for itself.
HERE: Final = "<here>"


@dataclass(frozen=True, slots=True)
class Slot(Generic[T]):
    """One thing that is remembered; `key` is also that of the control which sets it, where there is one."""

    page: str
    name: str
    #: what is there before anything was set; never changed
    default: T

    @property
    def key(self) -> str:
        """Where it lies, at this moment: `anomalies_level`."""
        return self.on(PAGE.get() if self.page == HERE else self.page)

    def on(self, page: str) -> str:
        """Where it lies on a page."""
        return f"{page}_{self.name}"

    def get(self) -> T:
        """What was set last."""
        return cast(T, st.session_state.get(self.key, self.default))

    def set(self, value: T) -> None:
        """Remember this; not after the control of the same key was shown in this script run."""
        st.session_state[self.key] = value

    def pop(self) -> T:
        """What was set last, which is forgotten with this."""
        return cast(T, st.session_state.pop(self.key, self.default))

    def is_set(self) -> bool:
        """Whether anything was."""
        return self.key in st.session_state


#: The page that is shown, as its address names it.
PAGE: Slot[str] = Slot("app", "page", "home")


def here(name: str) -> str:
    """The key of a control that several pages show: on each page it is another control."""
    return Slot(HERE, name, None).key


def told(key: str) -> Mapping[str, Any]:
    """What the component with this key told last; empty where there is none."""
    found = st.session_state.get(key)
    return found if isinstance(found, Mapping) else {}


def forget_all() -> None:
    """As if this tab had just been opened."""
    st.session_state.clear()
