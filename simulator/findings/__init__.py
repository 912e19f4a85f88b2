"""What is wrong in an application's history, in words: rules as rows of a table, asked of a trace. Pure functions."""

from simulator.findings.finding import Finding, Rule, Severity
from simulator.findings.judge import faults, judge, judge_trace
from simulator.findings.rules.table import RULES

__all__ = ["RULES", "Finding", "Rule", "Severity", "faults", "judge", "judge_trace"]
