"""A scenario as a scenario file: what the loader reads back to the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

from simulator.model import Scenario, SessionScript, Step, Variant


def scenario_toml(scenario: Scenario) -> str:
    """The whole file."""
    return "\n".join(_lines(scenario)) + "\n"


def _lines(scenario: Scenario) -> Iterator[str]:
    yield f"key = {_text(scenario.key)}"
    yield f"title = {_text(scenario.title)}"
    yield f"family = {_text(scenario.family)}"
    yield f"story = {_text(scenario.story)}"
    yield f"levels = [{', '.join(_text(level.value) for level in scenario.levels)}]"
    yield f"setup = {_block(scenario.setup)}"
    if scenario.invariant is not None:
        yield "\n[invariant]"
        yield f"title = {_text(scenario.invariant.title)}"
        yield f"sql = {_text(scenario.invariant.sql)}"
    for variant in scenario.variants:
        yield from _variant(variant)


def _variant(variant: Variant) -> Iterator[str]:
    yield "\n[[variants]]"
    yield f"key = {_text(variant.key)}"
    yield f"title = {_text(variant.title)}"
    if variant.is_fix:
        yield "is_fix = true"
    if variant.note:
        yield f"note = {_text(variant.note)}"
    if variant.setup:
        yield f"setup = {_block(variant.setup)}"
    yield f"schedule = [{', '.join(map(_text, variant.schedule.steps))}]"
    alone = [each.name for each in variant.sessions if each.autocommit]
    if alone:
        yield f"autocommit = [{', '.join(map(_text, alone))}]"
    expected = [f"{level.short} = {_text(outcome.value)}" for level, outcome in variant.expectations.items()]
    if expected:
        yield f"expect = {{ {', '.join(expected)} }}"
    for script in variant.sessions:
        yield f"sessions.{_text(script.name)} = ["
        yield from (f"  {{ {', '.join(_step(step))} }}," for step in script.steps)
        yield "]"
    for script in variant.sessions:
        if options := list(_options(script)):
            yield f"session_options.{_text(script.name)} = {{ {', '.join(options)} }}"


def _step(step: Step) -> Iterator[str]:
    yield f"name = {_text(step.name)}"
    yield f"sql = {_text(step.sql)}"
    if step.save is not None:
        yield f"save = {_text(step.save)}"
    if step.when is not None:
        yield f"when = {_text(step.when)}"
    if step.retry:
        yield "retry = true"


def _options(script: SessionScript) -> Iterator[str]:
    if script.isolation is not None:
        yield f"isolation = {_text(script.isolation.value)}"
    for name, value in (("read_only", script.read_only), ("deferrable", script.deferrable)):
        if value:
            yield f"{name} = true"
    for name, text in (("setup", script.setup), ("teardown", script.teardown)):
        if text:
            yield f"{name} = {_text(text)}"


def _text(text: str) -> str:
    """A basic string of TOML, whose escapes are JSON's but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _block(text: str) -> str:
    """The same over several lines, for people."""
    return '"""\n' + "\n".join(_text(line)[1:-1] for line in text.strip().split("\n")) + '\n"""'
