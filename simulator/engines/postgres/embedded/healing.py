"""A server that does not come up: what is tried before anybody is asked.

Nothing in the embedded server's folder outlives a run, so one that cannot be used is put aside and made anew. The
proof that the folder was the reason is that a new one works: where it does not, the old one goes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.engines.postgres.embedded.cluster import BrokenFolder, Cluster
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.engines.postgres.embedded.programs import server_uid
from simulator.engines.postgres.embedded.remains import is_anothers, mend_rights, put_aside
from simulator.errors import EngineError


@dataclass(frozen=True, slots=True)
class Up:
    """A server that is ready, and where the folder went that was in its place and could not be used."""

    postmaster: Postmaster
    aside: Path | None = None


def bring_up(cluster: Cluster, prepare: Callable[[Postmaster], None], alone: Callable[[], bool]) -> Up:
    """Make the folder where there is none, start its server or find it, and `prepare` it.

    `alone` says whether nobody else uses the server; only then it is stopped, or its folder put aside. Raises
    EngineError: what stands in the way is not the folder.
    """
    failure: EngineError = EngineError()
    for cure in (_nothing, _mend_rights, _stop):
        if cure(cluster, alone):
            try:
                return Up(_start(cluster, prepare))
            except EngineError as error:
                failure = error
    if not isinstance(failure, BrokenFolder) or not alone() or _is_anothers(cluster):
        raise failure
    cluster.stop()
    with put_aside(cluster.data_dir) as aside:
        try:
            return Up(_start(cluster, prepare), aside)
        except BaseException:
            cluster.stop()
            raise


def _start(cluster: Cluster, prepare: Callable[[Postmaster], None]) -> Postmaster:
    cluster.create()
    postmaster = cluster.start()
    since = cluster.log_size()
    try:
        prepare(postmaster)
    except EngineError as error:
        raise cluster.blame(cluster.log_since(since), error.text) from None
    return postmaster


def _nothing(_cluster: Cluster, _alone: Callable[[], bool]) -> bool:
    return True


def _mend_rights(cluster: Cluster, _alone: Callable[[], bool]) -> bool:
    return not _is_anothers(cluster) and mend_rights(cluster.data_dir, server_uid())


def _stop(cluster: Cluster, alone: Callable[[], bool]) -> bool:
    """A server that runs and cannot be used may be a started one that hangs."""
    if cluster.find() is None or not alone() or _is_anothers(cluster):
        return False
    cluster.stop()
    return True


def _is_anothers(cluster: Cluster) -> bool:
    return is_anothers(cluster.data_dir, cluster.settings.get("cluster_name", ""))
