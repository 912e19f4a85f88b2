"""What is left of a data folder: whose it is, what is mended, what is put aside, and what is left as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.engines.postgres.embedded.remains import is_anothers, mend_rights, put_aside, was_cluster
from simulator.errors import EngineError


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "postgres-18"
    for name in ("base", "global", "pg_wal"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o700)
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_without_its_version_is_known_by_its_names(data_dir: Path, tmp_path: Path) -> None:
    assert was_cluster(data_dir)
    (data_dir / "base").rmdir()
    assert not was_cluster(data_dir)
    (data_dir / "PG_VERSION").write_text("18\n")
    assert was_cluster(data_dir)
    assert not was_cluster(tmp_path / "nowhere")


def test_who_started_a_server_there_last_tells_whose_it_is(data_dir: Path) -> None:
    assert not is_anothers(data_dir, "txscope")
    for said, anothers in (
        ('/bin/postgres "-D" "/x" "-c" "cluster_name=txscope"', False),
        ('/bin/postgres "-D" "/srv/shop"', True),
        ("garbled", False),
    ):
        (data_dir / "postmaster.opts").write_text(said)
        assert is_anothers(data_dir, "txscope") is anothers


def test_rights_are_mended_once(data_dir: Path) -> None:
    (data_dir / "base" / "1").touch(mode=0)
    (data_dir / "global").chmod(0o500)
    data_dir.chmod(0o757)
    assert mend_rights(data_dir, os.geteuid())
    assert [path.stat().st_mode & 0o777 for path in (data_dir, data_dir / "global")] == [0o700, 0o700]
    assert (data_dir / "base" / "1").stat().st_mode & 0o600 == 0o600
    assert not mend_rights(data_dir, os.geteuid())


def test_rights_of_other_files_are_left_as_they_are(tmp_path: Path) -> None:
    for folder in (tmp_path / "letters", tmp_path / "link"):
        folder.mkdir(mode=0o755)
    (tmp_path / "letters" / "one").touch(mode=0o400)
    assert not mend_rights(tmp_path / "letters", os.geteuid())
    assert not mend_rights(tmp_path / "letters" / "one", os.geteuid())
    assert (tmp_path / "letters" / "one").stat().st_mode & 0o777 == 0o400


def test_a_link_is_not_followed(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(mode=0o400)
    (data_dir / "base" / "link").symlink_to(tmp_path / "elsewhere")
    assert not mend_rights(data_dir, os.geteuid())
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o400


def test_a_folder_that_is_put_aside_and_the_newest_two_are_kept(data_dir: Path) -> None:
    data_dir.with_name("postgres-18.broken-by-me").mkdir()
    asides = []
    for _ in range(4):
        with put_aside(data_dir) as aside:
            data_dir.mkdir()
        asides.append(aside.name)
    assert names(data_dir.parent) == {"postgres-18", "postgres-18.broken-by-me", *asides[-2:]}


def test_what_was_put_aside_comes_back_where_nothing_new_can_be_made(data_dir: Path) -> None:

    def half_made() -> None:
        (data_dir / "base").mkdir(parents=True)
        data_dir.mkdir()

    with pytest.raises(FileExistsError), put_aside(data_dir):
        half_made()
    assert names(data_dir.parent) == {"postgres-18"}
    assert names(data_dir) == {"base", "global", "pg_wal"}


def test_a_folder_that_cannot_be_renamed_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be renamed"), put_aside(tmp_path / "nowhere"):
        pass
