"""The command line: `python -m simulator run | matrix | room | ...`, the pages' runs in a terminal, and their start."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.anomalies.checker import check
from simulator.anomalies.explain import explain_verdict
from simulator.anomalies.operations.check import check_file
from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.errors import ScenarioError, TxscopeError
from simulator.experiments.matrix import fix_table, hermitage_table
from simulator.experiments.orders import Smallest, Sought, sweep
from simulator.experiments.orders.sweep import BUDGET
from simulator.experiments.spec_files import difference, run_spec, superusers_place, visitors_place
from simulator.export.deadlock import deadlock_text
from simulator.export.findings import exit_code, findings_json, findings_text
from simulator.export.json import matrix_json, run_json
from simulator.export.orders import (
    orders_json,
    orders_lines,
    smallest_lines,
    smallest_of,
    smallest_spec,
    smallest_test,
    smallest_toml,
)
from simulator.export.spec import run_spec_text
from simulator.export.text import matrix_text, report_text, run_text
from simulator.findings import judge_trace
from simulator.findings.deadlock import read_report
from simulator.findings.deadlock.scenario import refusal, scenario_toml
from simulator.history.files import load_history
from simulator.history.schedule import saved_history
from simulator.i18n.text import Text
from simulator.labs.mistakes import catalogue as mistakes
from simulator.labs.mistakes.tally import table_lines, tally
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.scenarios.loader import catalogue, find, load_file
from simulator.scenarios.order import parse_order, reorder
from simulator.scenarios.spec_reader import SPEC, load_spec_file
from simulator.scenarios.spec_variants import to_scenario
from simulator.traces.trace import read
from simulator.verdict.run import RunResult, run_scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 as expected, 1 where a table or a run differs from that or a history has anomalies, 2: refused."""
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
    _add_choice(run)
    run.add_argument("--json", action="store_true", help="the whole result as JSON")
    spec = run.add_argument_group(
        "isolationtester's files (.spec)", "all permutations, printed as isolationtester does"
    )
    spec.add_argument("--expected", action="append", type=Path, metavar="FILE", help="compare with it; may be repeated")
    spec.add_argument("--superuser", action="store_true", help="as a superuser, on a server made for this run alone")
    run.set_defaults(command=_run)

    export = commands.add_parser("export", help="run one scenario and print it as a file of another program")
    _add_choice(export)
    export.add_argument("--as", dest="kind", choices=("spec",), default="spec", help="isolationtester's (the default)")
    export.set_defaults(command=_export)

    orders = commands.add_parser("orders", help="run every order of a scenario's steps and say how many go wrong")
    _add_scenario(orders)
    orders.add_argument(
        "--level",
        type=_level,
        action="append",
        help="RU, RC, RR, SER; may be repeated (default: all of the scenario's)",
    )
    orders.add_argument("--budget", type=int, default=BUDGET, metavar="N", help=f"runs a level (default: {BUDGET})")
    orders.add_argument("--full", action="store_true", help="run those too that cannot differ from one that has run")
    orders.add_argument("--json", action="store_true", help="for each level: total, possible, counts, the smallest")
    orders.add_argument("--pytest", type=Path, metavar="FILE", help="keep the smallest order that goes wrong as a test")
    orders.add_argument("--toml", type=Path, metavar="FILE", help="keep it as a scenario file")
    orders.add_argument("--spec", type=Path, metavar="FILE", help="keep it as a file of isolationtester")
    orders.set_defaults(command=_orders)

    check = commands.add_parser("check", help="say what anomalies a history has: one of Txscope's, or of Jepsen's form")
    check.add_argument("file", type=Path, help="a history that Txscope saved, or operations as JSON or EDN, one a line")
    check.set_defaults(command=_check)

    diagnose = commands.add_parser("diagnose", help="say what is wrong in an application's history")
    diagnose.add_argument("file", type=Path, help="a history that the recorder saved, as JSON, or that packed by gzip")
    diagnose.add_argument("--json", action="store_true", help="the findings as JSON")
    diagnose.add_argument("--costs", action="store_true", help="exit with 1 also where there are only costs")
    diagnose.set_defaults(command=_diagnose)

    deadlock = commands.add_parser("deadlock", help="read PostgreSQL's report of a deadlock, or of a wait for a lock")
    deadlock.add_argument("file", type=Path, help="a log, an exception's text, or - for what is piped in")
    deadlock.add_argument("--scenario", action="store_true", help="print a scenario file that closes the circle again")
    deadlock.set_defaults(command=_deadlock)

    session = commands.add_parser("mistakes", help="each Session mistake and its fix, and what came of them")
    session.add_argument("keys", nargs="*", metavar="KEY", help="mistakes by key (default: all)")
    session.add_argument("--repeat", type=int, default=1, metavar="N", help="run each side N times (default: 1)")
    session.set_defaults(command=_mistakes)

    matrix = commands.add_parser("matrix", help="the Hermitage table and the fix table, as run just now")
    matrix.add_argument("--json", action="store_true", help="both tables as JSON")
    matrix.set_defaults(command=_matrix)

    fastapi = commands.add_parser("fastapi", help="seven ways to get a Session, five ends of an endpoint")
    fastapi.set_defaults(command=_fastapi)

    course = commands.add_parser("course", help="what is wrong with the course's chapters, and what their runs show")
    course.add_argument("--no-runs", action="store_true", help="look at the files alone")
    course.add_argument("--only", default="", metavar="KEY", help="run this chapter's claims and no other's")
    course.set_defaults(command=_course)

    room = commands.add_parser("room", help="open the pages to everybody on the local network")
    room.add_argument("--passphrase", nargs="?", const="*", metavar="TEXT", help="ask for it; without TEXT six digits")
    room.add_argument("--port", type=int, default=8501, help="where to listen (default: 8501)")
    room.add_argument("--reset", action="store_true", help="between two groups: end everything in the running room")
    room.set_defaults(command=_room)
    return parser


def _add_scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", help="a scenario's key, or the path of a .toml or .spec file")
    parser.add_argument("--variant", help="a variant's key (default: the first); p1, p2 ... in a .spec file")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    _add_scenario(parser)
    parser.add_argument(
        "--level", type=_level, default=Isolation.READ_COMMITTED, help="isolation level: RU, RC, RR, SER"
    )
    parser.add_argument("--order", help="steps in another order: 'T1.read T2.read ...'")


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
    if Path(options.scenario).suffix == SPEC and options.variant is None:
        return _run_spec(options)
    result = _result(options)
    print(json.dumps(run_json(result), ensure_ascii=False, indent=1) if options.json else run_text(result))
    expected = None if options.order else result.variant.expectations.get(options.level)
    return 1 if result.outcome is Outcome.ERROR or (expected and result.outcome != expected) else 0


def _export(options: argparse.Namespace) -> int:
    print(run_spec_text(_result(options)), end="")
    return 0


def _result(options: argparse.Namespace) -> RunResult:
    scenario = _scenario(options.scenario)
    variant = _variant(scenario, options.variant)
    order = reorder(variant, parse_order(options.order)) if options.order else None
    engine = open_engine()
    try:
        # isolationtester's sessions run nothing again.
        retry = Path(options.scenario).suffix != SPEC
        return run_scenario(engine, scenario, variant, options.level, schedule=order, retry=retry)
    finally:
        engine.close()


def _orders(options: argparse.Namespace) -> int:
    scenario = _scenario(options.scenario)
    variant = _variant(scenario, options.variant)
    retry = Path(options.scenario).suffix != SPEC
    engine = open_engine()
    try:
        sweeps = []
        for level in options.level or scenario.levels:
            merge = False if options.full else None
            sought = Sought(scenario, variant, level, options.budget, merge, retry)
            sweeps.append(sweep(engine, sought))
            if not options.json:
                print("\n".join(orders_lines(sweeps[-1])), flush=True)
        worst = next((each for each in sweeps if each.simplest_wrong is not None), None)
        found = None if worst is None else smallest_of(engine, worst)
    finally:
        engine.close()
    if options.json:
        print(json.dumps(orders_json(sweeps, found), ensure_ascii=False, indent=1))
    elif found is not None:
        print("\n".join(smallest_lines(found)))
    _keep(options, found)
    return 1 if found is not None else 0


def _keep(options: argparse.Namespace, found: Smallest | None) -> None:
    """Write the files that were asked for. Raises ScenarioError where there is nothing to write, or no room for it."""
    kinds = ((options.pytest, smallest_test), (options.toml, smallest_toml), (options.spec, smallest_spec))
    for path, text in kinds:
        if path is None:
            continue
        if found is None:
            raise ScenarioError(Text.of("No order that was run goes wrong: there is nothing to keep."))
        try:
            path.write_text(text(found), "utf-8")
        except OSError as error:
            raise ScenarioError(
                Text.of("{name} cannot be written: {error}.", name=path.name, error=error.strerror)
            ) from None


def _scenario(named: str) -> Scenario:
    suffix = Path(named).suffix
    if suffix == SPEC:
        return to_scenario(load_spec_file(named))
    return load_file(named) if suffix == ".toml" else find(named)


def _run_spec(options: argparse.Namespace) -> int:
    spec = load_spec_file(options.scenario)
    expected = {str(path): _read(path) for path in options.expected or ()}
    write = (lambda piece: None) if expected else _print_now
    if options.superuser:
        with superusers_place() as place:
            run = run_spec(place, spec, write)
    else:
        engine = open_engine()
        try:
            with visitors_place(engine, spec) as place:
                run = run_spec(place, spec, write)
        finally:
            engine.close()
    if not expected:
        return 0 if run.complete else 1
    found = difference(run.transcript, expected, spec.name)
    print(found, end="")
    return 1 if found else 0


def _print_now(piece: str) -> None:
    print(piece, end="", flush=True)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="surrogateescape")
    except OSError as error:
        raise ScenarioError(
            Text.of("{name} cannot be opened: {error}.", name=path.name, error=error.strerror)
        ) from None


def _check(options: argparse.Namespace) -> int:
    saved = saved_history(options.file)
    if saved is None:
        report = check_file(options.file)
        print(report_text(report))
        return 1 if report.anomalies else 0
    verdict = check(saved)
    print("\n".join(map(str, explain_verdict(verdict))))
    print(Text.of("By the dependency graph alone: what is saved cannot be run again to confirm it."))
    if verdict.no_verdict is not None:
        return 2
    return 1 if verdict.anomalies else 0


def _diagnose(options: argparse.Namespace) -> int:
    trace = read(load_history(options.file))
    found = judge_trace(trace)
    if options.json:
        print(json.dumps(findings_json(trace, found), ensure_ascii=False, indent=1))
    else:
        print(findings_text(trace, found))
    return exit_code(found, costs=options.costs)


def _deadlock(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if str(options.file) == "-" else _read(options.file)
    report = read_report(text)
    if report is None:
        raise ScenarioError(Text.of("There is no report of a deadlock or of a wait for a lock in this text."))
    if not options.scenario:
        print(deadlock_text(report))
        return 0
    if refused := refusal(report):
        raise ScenarioError(Text.of(refused))
    print(scenario_toml(report))
    return 0


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
    from simulator.labs.fastapi.matrix import run_matrix
    from simulator.labs.fastapi.teardown import run_teardown
    from simulator.labs.fastapi.text import matrix_text, teardown_text

    engine = open_engine()
    try:
        print(matrix_text(run_matrix(engine)), end="\n\n")
        print(teardown_text(run_teardown(engine)))
    finally:
        engine.close()
    return 0


def _course(options: argparse.Namespace) -> int:
    # What the pages make of links takes a while to import: not for the other commands.
    from simulator.ui.learn import check

    wrong = list(check.of_files())
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if options.no_runs:
        return bool(wrong)
    engine = open_engine()
    try:
        for name, unmet in check.of_runs(engine, options.only):
            print(f"{'ok ' if not unmet else 'NOT'} {name}", *unmet, sep="\n        ", flush=True)
            wrong += unmet
    finally:
        engine.close()
    return bool(wrong)


def _room(options: argparse.Namespace) -> int:
    if options.reset:
        from simulator.ui.app.web.presenter import reset_command

        return reset_command(options.port)
    # The pages and their server take seconds to import: not for the other commands.
    from simulator.ui.app.room import open_command

    return open_command(options.passphrase, options.port)


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
