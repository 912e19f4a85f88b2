"""One snippet, ready for the rules: its calls on Sessions, and the objects that these load."""

from __future__ import annotations

from functools import cached_property

from simulator.labs.lint.calls import Calls
from simulator.labs.lint.loaded import Objects


class Code(Calls):
    """What a rule is given."""

    @cached_property
    def objects(self) -> Objects:
        """The mapped objects, found when the first rule asks."""
        return Objects(self)
