"""pydantic's findings as sentences: which key, what was expected there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from simulator.i18n.text import N_, Text, Value
from simulator.scenarios.checks import Problem
from simulator.scenarios.positions import Location, path
from simulator.scenarios.schema import InvariantSpec, ScenarioSpec, SessionOptionsSpec, StepSpec, VariantSpec

#: By pydantic's error type; names in braces come from the error's context, `owner` and `fields` from the schema.
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "extra_forbidden": N_("{path} is not known here; {owner} has {fields}."),
        "missing": N_("{path} is missing; {owner} has {fields}."),
        "string_type": N_("{path} must be a text in quotes."),
        "bool_type": N_("{path} must be true or false, without quotes."),
        "int_type": N_("{path} must be a whole number, without quotes."),
        "list_type": N_("{path} must be a list in [ ]."),
        "dict_type": N_("{path} must be a table."),
        "model_type": N_("{path} must be a table."),
        "string_too_short": N_("{path} is empty."),
        "string_too_long": N_("{path} is too long; it has at most {max_length} characters."),
        "too_short": N_("{path} is empty."),
        "too_long": N_("{path} has too many entries; it has at most {max_length}."),
        "string_pattern_mismatch": N_("{path} must begin with a letter and hold only letters, digits and _."),
        "literal_error": N_("{path} must be {expected}."),
        "greater_than_equal": N_("{path} must be at least {ge}."),
        "less_than_equal": N_("{path} must be at most {le}."),
        "value_error": N_("{path} {error}."),
    }
)


def problem_of(detail: ErrorDetails) -> Problem:
    """Where and what, in one sentence that begins with the path."""
    is_key = bool(detail["loc"]) and detail["loc"][-1] == "[key]"
    location: Location = detail["loc"][:-1] if is_key else detail["loc"]
    parent = detail["loc"][:-1]
    owner, model = _owner(parent)
    sentence = Text(_SENTENCES.get(detail["type"], "{path}: {message}."))
    values = {name: _value(value) for name, value in {"message": detail["msg"], **detail.get("ctx", {})}.items()}
    fields = ", ".join(model.model_fields)
    text = sentence.given(path=path(location), owner=owner, fields=fields, **values)
    return Problem(location, text, missing=detail["type"] == "missing")


def _value(found: object) -> Value | Text:
    """What pydantic names; of an error that this package's own schema raised, its sentence."""
    if isinstance(found, ValueError) and found.args and isinstance(found.args[0], Text):
        return found.args[0]
    return found if isinstance(found, int | float) else str(found)


def _owner(location: Location) -> tuple[Text, type[BaseModel]]:
    """What the table at a location is called, and its keys."""
    match location:
        case ("invariant",):
            return Text.of("an invariant"), InvariantSpec
        case ("variants", int()):
            return Text.of("a variant"), VariantSpec
        case ("variants", int(), "sessions", str(), int()):
            return Text.of("a step"), StepSpec
        case ("variants", int(), "session_options", str()):
            return Text.of("the options of a session"), SessionOptionsSpec
    return Text.of("a scenario"), ScenarioSpec
