"""`python -m simulator.i18n update`: collect the texts and bring the catalogues up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from simulator.i18n.extract import update


def main() -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator.i18n", description=__doc__)
    parser.add_argument("command", choices=("update",))
    parser.parse_args()
    for language, (translated, total) in update(Path(__file__).parents[2]).items():
        print(f"{language}: {translated} of {total} messages translated")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
