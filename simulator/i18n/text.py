"""A sentence in nobody's language yet: what a result, an error or a table holds until somebody reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath

from simulator.i18n import catalogues

#: what may stand in a sentence for a `{name}`, besides a sentence of its own
Value = str | int | float | bool | PurePath | None


def N_(message: str) -> str:  # noqa: N802 (the name that extraction tools look for)
    """Mark a text in a table for extraction; it is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Text:
    """A message of the catalogues and the values of its `{names}`; `str` is in the language of who asks, when they ask.

    A Text with nothing to say is false. Values may be Texts.
    """

    template: str
    values: tuple[tuple[str, Value | Text], ...] = ()
    #: the message for any other number than one; the number is `values["n"]`
    plural: str = ""
    #: begin with a capital: a name from a table, at the start of a sentence
    capital: bool = False
    #: characters after which it is cut, 0 for none
    most: int = 0

    @classmethod
    def of(cls, template: str, /, **values: Value | Text) -> Text:
        """The sentence with these values for its `{names}`; extraction finds `Text.of("…")`."""
        return cls(template, tuple(values.items()))

    @classmethod
    def many(cls, singular: str, plural: str, n: int, /, **values: Value | Text) -> Text:
        """The form that goes with `n`, which is `{n}` in both; extraction finds `Text.many("…", "…", n)`."""
        return cls(singular, (("n", n), *values.items()), plural)

    @classmethod
    def verbatim(cls, words: str) -> Text:
        """What is in no catalogue: a server's message, a name."""
        return cls("{words}", (("words", words),)) if words else cls("")

    @classmethod
    def joined(cls, separator: str, parts: Iterable[Text | str]) -> Text:
        """The parts one after the other, with the separator (a message too) between them."""
        named = {f"part{place}": part for place, part in enumerate(parts)}
        between = Text(separator)
        return cls("{between}".join(f"{{{name}}}" for name in named), (("between", between), *named.items()))

    def given(self, **values: Value | Text) -> Text:
        """The same with these values too."""
        return replace(self, values=(*self.values, *values.items()))

    def capitalised(self) -> Text:
        """The same with a capital."""
        return replace(self, capital=True)

    def cut(self, most: int) -> Text:
        """The same, with `…` after so many characters."""
        return replace(self, most=most)

    def words(self) -> str:
        """The sentence in the language in use."""
        if not self.template:
            return ""
        values = dict(self.values)
        if self.plural:
            number = values["n"]
            message = catalogues.ngettext(self.template, self.plural, number if isinstance(number, int) else 0)
        else:
            message = catalogues.gettext(self.template)
        text = message.format(**values)
        text = text[:1].upper() + text[1:] if self.capital else text
        return f"{text[: self.most]}…" if 0 < self.most < len(text) else text

    def english(self) -> str:
        """The sentence as files keep it, whoever asks."""
        with catalogues.speaking("en"):
            return self.words()

    def __str__(self) -> str:
        return self.words()

    def __bool__(self) -> bool:
        return bool(self.template)


#: nothing to say
NOTHING = Text("")
