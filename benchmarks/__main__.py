"""`python -m benchmarks [NAME ...]`: the README's figures; exit code 1 where a limit is not reached.

`python -m benchmarks soak --minutes 30` is not among them: it looks for what grows. Nor is
`python -m benchmarks specs FOLDER`: PostgreSQL's own isolation suite does not come with Txscope. With arguments,
`python -m benchmarks verdicts` examines random runs (`--runs 5000`) and changed values (`--mutations`).
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks import orders, signs, specs, verdicts
from benchmarks.measure import machine

#: name -> module with main() -> bool; in the order in which they run
NAMES = (
    "cells", "rival", "determinism", "observation", "live", "load", "recording", "pages", "stepping", "orders",
    "elle", "verdicts", "attack", "faults", "crowd", "pool_histories",
)  # fmt: skip
#: runs only by its name, for as long as `--minutes` says
SOAK = "soak"
#: the same, with arguments of their own
COMMANDS = {"orders": orders.command, "signs": signs.command, "specs": specs.command, "verdicts": verdicts.command}


def main() -> int:
    if (command := COMMANDS.get("".join(sys.argv[1:2]))) is not None and sys.argv[2:]:
        print(machine())
        return command(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long soak takes after its warm-up (default: 1)")
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    if unknown := sorted(set(names) - {*NAMES, SOAK}):
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join((*NAMES, SOAK))}")
    print(machine())
    options = {SOAK: {"minutes": arguments.minutes}}
    reached = [importlib.import_module(f"benchmarks.{name}").main(**options.get(name, {})) for name in names]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
