"""PostgreSQL's reports of deadlocks and of waits for locks: read, told in words, and made into a scenario."""

from simulator.findings.deadlock.read import read_report
from simulator.findings.deadlock.report import Report

__all__ = ["Report", "read_report"]
