"""What a link says of a page: a table of parts, each read from the address, written to it and complained about.

A part takes over the value so far, because what a part may be depends on the parts before it: a variant on its
scenario. The shortest link is then what differs from that which opens by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import streamlit as st

from simulator.errors import TxscopeError
from simulator.i18n import gettext as _
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, Slot

V = TypeVar("V")

#: Quoted back to whoever opens a broken link; a link may be long.
MAX_QUOTED = 60


class NotFollowed(TxscopeError):
    """A part of a link that asks for what there is not; its text says so to the person."""


@dataclass(frozen=True, slots=True)
class Part(Generic[V]):
    """One parameter."""

    name: str
    #: the value so far with this part taken over. Raises NotFollowed, or any other TxscopeError, KeyError, ValueError
    read: Callable[[V, str], V]
    #: the part of a value as text; None where there is nothing to say
    write: Callable[[V], str | None]


@dataclass(frozen=True, slots=True)
class Link(Generic[V]):
    """The parts of a page's link, in the order in which they need each other, and what opens by itself."""

    parts: tuple[Part[V], ...]
    first: V

    def read(self, parameters: Mapping[str, str]) -> tuple[V, tuple[str, ...]]:
        """What the link asks for, and a sentence for each part of it that could not be followed."""
        value, complaints = self.first, []
        for part in self.parts:
            if part.name in parameters:
                try:
                    value = part.read(value, parameters[part.name])
                except (KeyError, ValueError):
                    complaints.append(_unknown(part.name, parameters[part.name]))
                except TxscopeError as error:
                    complaints.append(str(error))
        return value, tuple(complaints)

    def whole(self, value: V) -> dict[str, str]:
        """Everything that there is to say: such a link stays right when other things open by themselves."""
        return {part.name: text for part in self.parts if (text := part.write(value)) is not None}

    def write(self, value: V) -> dict[str, str]:
        """The shortest that `read` takes back to the same; empty for what opens by itself."""
        found, so_far = {}, self.first
        for part in self.parts:
            text = part.write(value)
            if text is not None and text != part.write(so_far):
                found[part.name] = text
                so_far = part.read(so_far, text)
        return found

    def follow(self, choose: Callable[[V], object], *, anew: bool) -> None:
        """On arrival: choose what the address asks for; where it asks for nothing, what opens by itself if `anew`."""
        asked = {part.name: st.query_params[part.name] for part in self.parts if part.name in st.query_params}
        if asked or anew:
            choose(self.read(asked)[0])
        self._asked().set(asked)

    def complain(self) -> None:
        """Say what of the link could not be followed: in the language of now, until something else is chosen."""
        for complaint in self.read(self._asked().get())[1]:
            st.warning(plain(complaint), icon="🔗")

    def forget(self) -> None:
        """What the link asked for is of no interest any more."""
        self._asked().pop()

    def _asked(self) -> Slot[Mapping[str, str]]:
        return Slot(HERE, f"asked_{self.parts[0].name}", MappingProxyType({}))


def quoted(text: str) -> str:
    """As much of it as a sentence can carry."""
    return text[:MAX_QUOTED]


def _unknown(name: str, text: str) -> str:
    return _("The link asks for {name} = {value}, which there is not. The page shows its own choice.").format(
        name=name, value=quoted(text)
    )
