"""The command line: `python -m simulator list | run | matrix`, the same runs as the pages, without a browser."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.errors import TxscopeError
from simulator.export.json import as_json
from simulator.matrix import Cell, fix_table, hermitage_table
from simulator.model import Isolation, Scenario, Variant
from simulator.report import matrix_text, run_text
from simulator.run import run_scenario
from simulator.scenarios.loader import catalogue, find, load_file
from simulator.scenarios.order import parse_order, reorder
