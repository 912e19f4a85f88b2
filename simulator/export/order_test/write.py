"""Writes the file: what is run in place of the template's placeholders, Python as ruff would format it, nearly."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.resources import files

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Isolation, Scenario, SessionScript, Step, Variant
from simulator.scenarios.order import interleave
from simulator.sql.bind import numbered
from simulator.verdict.words import generates

#: Serial orders that a file may name: what is more takes too long to play.
MOST_SERIAL = 60

_BEGIN, _END = "# What is run:", "# How it is run."


def order_test_text(scenario: Scenario, variant: Variant, isolation: Isolation) -> str:
    """The test file of this variant's own schedule. Raises ScenarioError where a test could not judge it."""
    template = files(__package__).joinpath("played.py").read_text("utf-8")
    before, rest = template.split(_BEGIN)
    comment, after = rest.split("\n", 1)[0], rest.split(_END, 1)[1]
    level = f"{scenario.title}: an order that goes wrong at {isolation.value}"
    said = "\n".join(_said(scenario, variant, isolation))
    return f"{before.replace('{head}', level)}{_BEGIN}{comment}\n{said}\n{_END}{after}"


def _said(scenario: Scenario, variant: Variant, isolation: Isolation) -> Iterator[str]:
    texts = (scenario.setup, variant.setup, *(step.sql for each in variant.sessions for step in each.steps))
    if generates(texts):
        raise ScenarioError(
            Text.of("Times, sequences or chance differ from run to run, so a test could not compare what is stored.")
        )
    yield f"SETUP = {_long(';'.join(filter(None, (scenario.setup.rstrip().rstrip(';'), variant.setup))))}"
    yield "SESSIONS: dict[str, Session] = {"
    yield from (f"    {each.name!r}: {_session(each, isolation)}," for each in variant.sessions)
    yield "}"
    yield "STEPS: dict[str, Step] = {"
    yield from (f"    {key!r}: {_step(variant.step(key))}," for key in _by_session(variant))
    yield "}"
    yield f"ORDER = {list(variant.schedule.steps)!r}"
    yield "SERIAL_ORDERS = ["
    yield from (f"    {list(order)!r}," for order in _serial_orders(variant))
    yield "]"
    yield f"RULE = {_long(scenario.invariant.sql if scenario.invariant else '')}"


def _by_session(variant: Variant) -> list[str]:
    named = frozenset(variant.schedule.steps)
    return [step.key for each in variant.sessions for step in each.steps if step.key in named]


def _session(script: SessionScript, isolation: Isolation) -> str:
    level = script.isolation or isolation
    modes = f"ISOLATION LEVEL {level.value}{', READ ONLY' * script.read_only}{', DEFERRABLE' * script.deferrable}"
    begin = "" if script.autocommit else f"BEGIN {modes}"
    defaults = f"SET SESSION CHARACTERISTICS AS TRANSACTION {modes}" if script.autocommit else ""
    setup = "; ".join(filter(None, (defaults, script.setup)))
    return f"Session({begin!r}{f', {setup!r}' if setup else ''})"


def _step(step: Step) -> str:
    sql, names = numbered(step.sql)
    parts = [_long(sql)]
    parts += [f"values={names!r}"] if names else []
    parts += [f"save={step.save!r}"] if step.save else []
    parts += [f"when=lambda saved: {_condition(step.when)}"] if step.when else []
    return f"Step({', '.join(parts)})"


def _condition(when: str) -> str:
    tree = ast.parse(when.strip(), mode="eval")
    return ast.unparse(_Saved().visit(tree))


class _Saved(ast.NodeTransformer):
    """Names become values that were saved; of what was not saved nothing holds."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.parse(f"saved[{node.id!r}]", mode="eval").body


def _serial_orders(variant: Variant) -> list[tuple[str, ...]]:
    """Every order of whole transactions in which each session keeps its own."""
    named = frozenset(variant.schedule.steps)
    sessions = []
    for script in variant.sessions:
        blocks: list[tuple[str, ...]] = [()]
        for step in (each for each in script.steps if each.key in named):
            blocks[-1] = (*blocks[-1], step.key)
            if step.ends or (script.autocommit and not blocks[-1]):
                blocks.append(())
        sessions.append(tuple(block for block in blocks if block))
    orders = []
    for order in interleave(sessions):
        orders.append(tuple(key for block in order for key in block))
        if len(orders) > MOST_SERIAL:
            raise ScenarioError(Text.of("There are more than {most} serial orders.", most=MOST_SERIAL))
    return orders


def _long(text: str) -> str:
    """A text over several lines where it has some, so that it can be read and changed."""
    if "\n" not in text:
        return repr(text)
    inner = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""\n{inner.strip()}\n"""'
