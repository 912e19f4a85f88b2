"""The product's knowledge base: each topic of `knowledge.toml`, written for each component; always the same."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TypedDict

#: the same for everybody: a search finds the same documents in every run
SEED = 18
#: the numbers that a documentation has, by the name that stands for them in a sentence
NUMBERS = {
    "few": (2, 3, 4, 5, 6, 8),
    "many": (40, 60, 80, 120, 150, 200, 250, 400),
    "seconds": (5, 10, 15, 20, 30, 45, 60),
    "percent": (10, 15, 20, 30, 40, 60, 70, 80, 90),
}
#: what users ask; every one of them finds documents
QUESTIONS = (
    "connection pool size",
    "retry after a deadlock",
    "embeddings of a new model",
    "rate limits and short bursts",
    "why was this call charged",
    "arguments of a tool call",
    "prompt caching price",
    "engineer on call",
    "transaction open during a model call",
    "batch insert of a history",
    "version column conflict",
    "statement timeout",
    "ALTER TABLE waits",
    "job queue SKIP LOCKED",
    "streaming answers and the pool",
    "delete personal data",
)


class _Component(TypedDict):
    name: str
    about: str


class _Topic(TypedDict):
    name: str
    openings: list[str]
    facts: list[str]
    advice: list[str]


class _Knowledge(TypedDict):
    components: list[_Component]
    topics: list[_Topic]


@dataclass(frozen=True, slots=True)
class Document:
    """One page; `body` is a paragraph of four or five sentences."""

    title: str
    body: str


@lru_cache(maxsize=1)
def documents() -> tuple[Document, ...]:
    """All 400, in an order in which topics and components are mixed; titles and bodies are different."""
    knowledge = _read()
    choice = random.Random(SEED)
    # What is said of a component has the same numbers in all of its documents.
    about = {it["name"]: _fill(it["about"], it["name"], choice) for it in knowledge["components"]}
    written = [_write(topic, *component, choice) for topic in knowledge["topics"] for component in about.items()]
    choice.shuffle(written)
    return tuple(written)


def question(number: int) -> str:
    """What the request of this number, from 1, asks; the questions come round again."""
    return QUESTIONS[(number - 1) % len(QUESTIONS)]


def _write(topic: _Topic, component: str, about: str, choice: random.Random) -> Document:
    sentences = (
        choice.choice(topic["openings"]),
        *choice.sample(topic["facts"], choice.choice((1, 2))),
        choice.choice(topic["advice"]),
    )
    body = " ".join((about, *(_fill(sentence, component, choice) for sentence in sentences)))
    return Document(f"{topic['name']}: {component}", body)


def _fill(sentence: str, component: str, choice: random.Random) -> str:
    numbers = {name: choice.choice(values) for name, values in NUMBERS.items()}
    filled = sentence.format(component=component, Component=_capital(component), **numbers)
    return _capital(filled)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _read() -> _Knowledge:
    found = tomllib.loads(files("simulator.labs.backend").joinpath("knowledge.toml").read_text(encoding="utf-8"))
    return _Knowledge(components=found["components"], topics=found["topics"])
