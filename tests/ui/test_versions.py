"""Each page of the labs says with which versions it ran, and since which version a library does what it tells."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from tests.ui.conftest import Opener
from tests.ui.texts import html_text


@pytest.mark.parametrize("page", ["sessions", "mistakes", "fastapi"])
def test_the_versions_that_ran_stand_on_the_page(open_page: Opener, page: str) -> None:
    at = open_page(page, **({"mistake": "thread_pool"} if page == "mistakes" else {}))
    (line,) = (each.value.replace("\\", "") for each in at.caption if each.value.startswith("Ran with"))
    for name, distribution in (("SQLAlchemy", "sqlalchemy"), ("psycopg2", "psycopg2-binary"), ("psycopg", "psycopg")):
        assert f"{name} {version(distribution)}" in line
    assert f"FastAPI {version('fastapi')}" in line
    assert f"Starlette {version('starlette')}" in line
    assert "PostgreSQL 1" in line
    said = html_text(at)
    assert ("since FastAPI 0.118.0" in said) == (page != "sessions")
    assert ("since FastAPI 0.121.0" in said) == (page == "fastapi")
    assert ("since FastAPI 0.163.0" in said) == (page == "mistakes")
