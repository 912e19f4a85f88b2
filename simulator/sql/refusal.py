"""What of SQL cannot be followed, and why."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.i18n.text import Text


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What could not be followed: a message for gettext and the values of its placeholders."""

    message: str
    values: tuple[tuple[str, str], ...] = ()

    @property
    def reason(self) -> Text:
        """The sentence."""
        return Text(self.message, self.values)


class RefusalError(Exception):
    """The statement cannot be followed."""

    def __init__(self, message: str, **values: str) -> None:
        super().__init__(message)
        self.what = Unsupported(message, tuple(values.items()))
