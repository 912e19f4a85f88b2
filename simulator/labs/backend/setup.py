"""The statements that make the backend's tables in a fresh schema and fill them."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files

from psycopg import sql

from simulator.labs.backend.documents import documents

#: how many rows the seed makes; their ids count from 1
AGENTS = 5
CONVERSATIONS = 20
#: an account's id is its agent's; the last one is the reserve
RESERVE = 6

_DOCUMENTS = sql.SQL(
    "INSERT INTO documents (title, body)"
    " SELECT title, body FROM json_populate_recordset(NULL::documents, {documents})"
    # The order of the file is the order of the ids.
    " WITH ORDINALITY AS listed ORDER BY ordinality"
)


@lru_cache(maxsize=1)
def setup() -> tuple[str, ...]:
    """For `Engine.create_room`: the search_path is the new schema already."""
    listed = json.dumps([asdict(document) for document in documents()])
    return (
        _sql("schema"),
        _sql("seed"),
        _DOCUMENTS.format(documents=sql.Literal(listed)).as_string(None),
        # What a bulk insert leaves in the index's pending list, and what the planner does not know of the table, would
        # make a search read the whole table.
        "SELECT gin_clean_pending_list('documents_search_idx')",
        "ANALYZE documents",
    )


def _sql(name: str) -> str:
    return files("simulator.labs.backend").joinpath(f"{name}.sql").read_text(encoding="utf-8")
