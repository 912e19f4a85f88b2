"""Why there is no verdict: something that matters was not observed, or cannot be followed."""

from __future__ import annotations

from simulator.i18n.text import Text, Value


class NoVerdictError(Exception):
    """Something that matters was not observed; `text` is the sentence."""

    def __init__(self, message: str, **values: Value | Text) -> None:
        self.text = Text(message).given(**values)
        super().__init__(self.text)
