"""Whose fault a start that failed is, by the codes that the server wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.engines.postgres.embedded.cluster import BrokenFolder, Cluster
from simulator.engines.postgres.failures import CLUSTER_FAILURES, explain


@pytest.mark.parametrize(
    ("log", "is_folder"),
    [
        ("00000 LOG:  starting\n53100 FATAL:  could not write lock file: No space left on device\n", False),
        ("42501 FATAL:  could not open file: Permission denied\n", False),
        ("53200 FATAL:  could not map anonymous shared memory: Cannot allocate memory\n", False),
        ("XX000 FATAL:  control file contains invalid checkpoint segment location\n", True),
        ("00000 LOG:  invalid checkpoint record\nXX000 PANIC:  could not locate a valid checkpoint record\n", True),
        ("58P01 FATAL:  could not open directory\n", True),
        ("postgres: could not access the server configuration file\n", True),
        ("", True),
    ],
)
def test_the_disk_memory_and_permissions_are_not_the_folders_fault(log: str, is_folder: bool) -> None:
    error = Cluster(Path("/nowhere"), {}).blame(log, "sentence")
    assert isinstance(error, BrokenFolder) is is_folder
    assert str(error) == "sentence"


def test_too_little_shared_memory_is_not_called_a_full_disk() -> None:
    report = "FATAL:  could not create shared memory segment: No space left on device"
    assert "not enough memory" in str(explain(CLUSTER_FAILURES, report, place="/x"))
