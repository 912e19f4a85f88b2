"""The exercises, by key: the chapters name them, the page offers their parts, the tests try every choice."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.course.exercises import creation, fastapi, holding, races, sharing
from simulator.course.exercises.entry import Exercise

_ALL = (*creation.EXERCISES, *races.EXERCISES, *holding.EXERCISES, *sharing.EXERCISES, *fastapi.EXERCISES)
EXERCISES: Mapping[str, Exercise] = MappingProxyType({each.key: each for each in _ALL})
