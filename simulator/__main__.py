"""The command line: `python -m simulator list | run | matrix | fastapi | mistakes`, the pages' runs in a terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.errors import ScenarioError, TxscopeError
from simulator.export.json import matrix_json, run_json
from simulator.export.text import matrix_text, run_text
from simulator.labs.mistakes import catalogue as mistakes
from simulator.labs.mistakes.tally import table_lines, tally
from simulator.matrix import fix_table, hermitage_table
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.run import run_scenario
from simulator.scenarios.loader import catalogue, find, load_file
from simulator.scenarios.order import parse_order, reorder


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 as expected, 1 where a table or a run differs from what was expected, 2 for a clear refusal."""
    options = _parser().parse_args(arguments)
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read has enough; what is left in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TxscopeError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    commands.add_parser("list", help="scenarios and their variants").set_defaults(command=_list)

    run = commands.add_parser("run", help="run one scenario and say what it came to")
    run.add_argument("scenario", help="a scenario's key, or the path of a .toml file")
    run.add_argument("--variant", help="a variant's key (default: the first)")
    run.add_argument("--level", type=_level, default=Isolation.READ_COMMITTED, help="isolation level: RU, RC, RR, SER")
    run.add_argument("--order", help="steps in another order: 'T1.read T2.read ...'")
    run.add_argument("--json", action="store_true", help="the whole result as JSON")
    run.set_defaults(command=_run)

    session = commands.add_parser("mistakes", help="each Session mistake and its fix, and what came of them")
    session.add_argument("keys", nargs="*", metavar="KEY", help="mistakes by key (default: all)")
    session.add_argument("--repeat", type=int, default=1, metavar="N", help="run each side N times (default: 1)")
    session.set_defaults(command=_mistakes)

    matrix = commands.add_parser("matrix", help="the Hermitage table and the fix table, as run just now")
    matrix.add_argument("--json", action="store_true", help="both tables as JSON")
    matrix.set_defaults(command=_matrix)

    fastapi = commands.add_parser("fastapi", help="six ways to write get_db, five ends of an endpoint, as run just now")
    fastapi.set_defaults(command=_fastapi)
    return parser


def _level(text: str) -> Isolation:
    try:
        return Isolation.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _list(options: argparse.Namespace) -> int:
    for scenario in catalogue():
        print(f"{scenario.key:28} {scenario.title}")
        for variant in scenario.variants:
            print(f"    {variant.key:24} {'fix ' if variant.is_fix else ''}{variant.title}")
    return 0


def _run(options: argparse.Namespace) -> int:
    scenario = load_file(options.scenario) if Path(options.scenario).suffix == ".toml" else find(options.scenario)
    variant = _variant(scenario, options.variant)
    order = reorder(variant, parse_order(options.order)) if options.order else None
    engine = open_engine()
    try:
        result = run_scenario(engine, scenario, variant, options.level, schedule=order)
    finally:
        engine.close()
    print(json.dumps(run_json(result), ensure_ascii=False, indent=1) if options.json else run_text(result))
    expected = variant.expectations.get(options.level)
    return 1 if result.outcome is Outcome.ERROR or (expected and not order and result.outcome != expected) else 0


def _variant(scenario: Scenario, key: str | None) -> Variant:
    if key is None:
        return scenario.variants[0]
    try:
        return scenario.variant(key)
    except KeyError:
        known = ", ".join(variant.key for variant in scenario.variants)
        raise ScenarioError(f"{scenario.key} has no variant {key!r}; it has {known}.") from None


def _matrix(options: argparse.Namespace) -> int:
    engine: Engine = open_engine()
    try:
        hermitage, fixes = tuple(hermitage_table(engine, catalogue())), tuple(fix_table(engine, catalogue()))
    finally:
        engine.close()
    if options.json:
        print(json.dumps(matrix_json(hermitage, fixes), ensure_ascii=False, indent=1))
    else:
        print(matrix_text(hermitage, fixes))
    expected = all(cell.as_expected for cell in hermitage) and all(cell.as_expected for cell in fixes)
    return 0 if expected else 1


def _fastapi(options: argparse.Namespace) -> int:
    # Web framework, server and client take a while to import: not for the other commands.
    from simulator.labs.requests.matrix import run_matrix
    from simulator.labs.requests.teardown import run_teardown
    from simulator.labs.requests.text import matrix_text, teardown_text

    engine = open_engine()
    try:
        print(matrix_text(run_matrix(engine)), end="\n\n")
        print(teardown_text(run_teardown(engine)))
    finally:
        engine.close()
    return 0


def _mistakes(options: argparse.Namespace) -> int:
    try:
        chosen = [mistakes.find(key) for key in options.keys] or list(mistakes.MISTAKES)
    except KeyError as unknown:
        known = ", ".join(mistake.key for mistake in mistakes.MISTAKES)
        raise ScenarioError(f"There is no mistake {unknown}; there are {known}.") from None
    engine = open_engine()
    all_expected = True
    try:
        for mistake in chosen:
            sides = [tally(engine, side, options.repeat) for side in (mistake.mistake, mistake.fixed)]
            all_expected &= all(side.as_expected == side.runs for side in sides)
            print("\n".join(table_lines(mistake, *sides)), flush=True)
    finally:
        engine.close()
    return 0 if all_expected else 1


if __name__ == "__main__":
    sys.exit(main())
