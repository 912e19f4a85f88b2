"""A file of isolationtester as a scenario: one variant a permutation, its sessions as psql has them.

Markers are left out: they hold back isolationtester's reports, and a schedule is settled before it goes on. So is the
file's teardown, since a run's schema is dropped as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from simulator.model import Isolation, Scenario, Schedule, SessionScript, Step, Variant
from simulator.scenarios.schema import MAX_STORY
from simulator.scenarios.spec import Permutation, Spec, SpecSession

#: Characters of a name of a session or step.
_MAX_NAME = 40
#: Characters of a permutation that stand in a variant's title.
_MAX_TITLE = 200
_NOT_PLAIN = re.compile(r"\W", re.ASCII)


def to_scenario(spec: Spec) -> Scenario:
    """Every permutation as a variant `p1`, `p2` ... in the file's order.

    The level that a run is started with counts where neither BEGIN nor a setting names one; isolationtester's is the
    server's default, so READ COMMITTED is the only one that is offered.
    """
    names = _plain_names(session.name for session in spec.sessions)
    steps = _steps(spec, names)
    return Scenario(
        key=_plain(spec.name),
        title=spec.name,
        family="isolation",
        order=1000,
        story=spec.comment[:MAX_STORY],
        setup="\n;\n".join(spec.setups),
        variants=tuple(
            _variant(spec, f"p{number}", permutation, names, steps)
            for number, permutation in enumerate(spec.all_permutations, start=1)
        ),
        levels=(Isolation.READ_COMMITTED,),
    )


def _steps(spec: Spec, names: Mapping[str, str]) -> dict[str, Step]:
    """By their names in the file."""
    plain = _plain_names(step.name for session in spec.sessions for step in session.steps)
    return {
        step.name: Step(plain[step.name], names[session.name], step.sql)
        for session in spec.sessions
        for step in session.steps
    }


def _variant(
    spec: Spec, key: str, permutation: Permutation, names: Mapping[str, str], steps: Mapping[str, Step]
) -> Variant:
    uses = tuple(_uses(permutation, steps))
    return Variant(
        key=key,
        title=str(permutation)[:_MAX_TITLE],
        sessions=tuple(
            script
            for session in spec.sessions
            if (script := _script(session, names[session.name], uses)).steps or script.setup
        ),
        schedule=Schedule(tuple(step.key for step in uses)),
        is_fix=False,
        expectations={},
    )


def _uses(permutation: Permutation, steps: Mapping[str, Step]) -> Iterator[Step]:
    """The steps of a permutation; the second use of one is a step of its own, `name_2`."""
    used: set[str] = set()
    for use in permutation.steps:
        step = steps[use.name]
        if step.key in used:
            keys = used | {each.key for each in steps.values()}
            step = replace(step, name=_fresh(step.key, keys).partition(".")[2])
        used.add(step.key)
        yield step


def _script(session: SpecSession, name: str, uses: Iterable[Step]) -> SessionScript:
    """A session whose steps are all left out still runs its setup, which may hold locks that others wait for."""
    return SessionScript(
        name,
        tuple(step for step in uses if step.session == name),
        autocommit=True,
        setup=session.setup or "",
        teardown=session.teardown or "",
    )


def _plain_names(names: Iterable[str]) -> dict[str, str]:
    """For each name one that a scenario may have, and no two the same."""
    plain: dict[str, str] = {}
    for name in names:
        plain[name] = _fresh(_plain(name), set(plain.values()))
    return plain


def _plain(name: str) -> str:
    """Letters, digits and `_`, beginning with a letter.

    >>> _plain("s1-read"), _plain("2nd")
    ('s1_read', 's2nd')
    """
    plain = _NOT_PLAIN.sub("_", name)[:_MAX_NAME]
    return plain if plain[:1].isalpha() else f"s{plain}"


def _fresh(name: str, taken: set[str]) -> str:
    """The name, or with the first number behind it that is not taken."""
    number, fresh = 1, name
    while fresh in taken:
        number += 1
        fresh = f"{name}_{number}"
    return fresh
