"""`python -m benchmarks [NAME ...]`: the README's figures; exit code 1 where a limit is not reached."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.measure import machine

#: name -> module with main() -> bool; in the order in which they run
NAMES = ("cells", "rival", "determinism", "observation", "live", "load", "recording", "pages", "stepping")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    print(machine())
    reached = [importlib.import_module(f"benchmarks.{name}").main() for name in names]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
