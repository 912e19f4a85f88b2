"""Sentences of the course that no figure of a chapter shows, and that need no server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import ArgumentError, InvalidRequestError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

from simulator.course.chapter import Note, Question
from simulator.course.reader import find
from simulator.labs.backend.models import User
from simulator.labs.mistakes.catalogue import MISTAKES
from tests.course_text import says

#: A port where nobody listens.
NOWHERE = "postgresql+psycopg://ada@127.0.0.1:1/agents"


def _core(language: str) -> str:
    return next(note.text for note in find("core", language).of(Note) if note.kind == "core")


def test_the_core_has_thirty_words() -> None:
    assert len(_core("en").split()) == 30


def test_the_core_has_thirty_characters_in_chinese() -> None:
    assert len(re.findall(r"[\u4e00-\u9fff]", _core("zh"))) == 30


def test_about_half_of_the_mistakes_are_silent() -> None:
    says("overview", "About half of the mistakes in this program are of this silent kind", "大约一半是这样无声的")
    assert 0.4 < sum(mistake.silent for mistake in MISTAKES) / len(MISTAKES) < 0.6


def test_there_are_as_many_surprises_and_questions_as_the_titles_say() -> None:
    assert "Ten things" in find("surprises", "en").title
    assert sum(bool(section.title) for section in find("surprises", "en").sections) == 10
    assert "Twelve" in find("interview", "en").title
    assert sum(1 for _ in find("interview", "en").of(Question)) == 12


def test_an_engine_connects_to_nobody_until_the_first_statement() -> None:
    says("core", "a wrong address fails at the first statement", "地址写错，要到第一条语句才报错")
    engine = create_engine(NOWHERE)
    with pytest.raises(OperationalError), engine.connect():
        pass


def test_the_engine_in_the_chapter_has_the_defaults() -> None:
    says("creation", "but for `pool_pre_ping` and `expire_on_commit`", "除了 `pool_pre_ping` 和 `expire_on_commit`")
    pool: Any = create_engine(NOWHERE).pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow, pool._timeout, pool._pre_ping) == (5, 10, 30, False)
    assert Session(create_engine(NOWHERE)).expire_on_commit


def test_psycopg_does_both_and_psycopg2_only_one() -> None:
    says("creation", "which can do both `create_engine` and", "后者 `create_engine` 和 `create_async_engine` 都能用")
    assert isinstance(create_engine(NOWHERE), Engine)
    assert create_async_engine(NOWHERE).driver == "psycopg"
    with pytest.raises(InvalidRequestError):
        create_async_engine("postgresql+psycopg2://ada@127.0.0.1:1/agents")


def test_a_pool_that_is_none_has_no_size() -> None:
    says("creation", "`pool_size` beside it is a TypeError", "再配 `pool_size`，会抛 TypeError")
    with pytest.raises(TypeError):
        create_engine(NOWHERE, poolclass=NullPool, pool_size=5)


def test_what_is_said_of_the_usual_snippets_beside_their_runs() -> None:
    says("snippets", "`autocommit=True` raises by now", "`autocommit=True` 如今会抛异常")
    with pytest.raises(ArgumentError):
        Session(create_engine(NOWHERE), autocommit=True)  # type: ignore[arg-type]
    says("snippets", "AsyncSession has none", "AsyncSession 没有它")
    assert not hasattr(AsyncSession, "query")
    says("snippets", "a mapped object has no `dict()` at all", "映射的对象根本没有 `dict()`")
    assert not hasattr(User, "dict")
