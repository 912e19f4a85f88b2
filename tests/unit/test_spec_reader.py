"""Files of isolationtester: the whole grammar is read, and what is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import ScenarioError
from simulator.scenarios.order import count_interleavings
from simulator.scenarios.spec import Blocker, BlockerKind, Permutation, PermutationStep, Spec, SpecSession, SpecStep
from simulator.scenarios.spec_reader import MAX_SPEC_BYTES, is_spec, load_spec, load_spec_file

SPECS = Path(__file__).parents[1] / "specs"


def steps(*names: str) -> str:
    return "".join(f"step {name} {{ SELECT 1; }}\n" for name in names)


def test_every_part_of_a_file_is_read() -> None:
    spec = load_spec(
        "# Two\n# lines\n\n# and one\nsetup{A;}setup { B;\n }teardown { Z; }\n"
        'session "first one" setup { BEGIN; } step a { SELECT "x" } step "b ""2""" {} teardown { ROLLBACK; }\n'
        "session second step permutation_ { C;\r\n D; } # a comment { }\n"
        'permutation a(*) permutation_(a, "b ""2""" notices 12) "b ""2""" a permutation permutation_',
        "whole.spec",
    )
    assert spec == Spec(
        name="whole",
        setups=("A;", "B;\n"),
        teardown="Z;",
        sessions=(
            SpecSession(
                "first one", (SpecStep("a", 'SELECT "x"'), SpecStep('b "2"', "")), setup="BEGIN;", teardown="ROLLBACK;"
            ),
            SpecSession("second", (SpecStep("permutation_", "C;\r\n D;"),)),
        ),
        permutations=(
            Permutation(
                (
                    PermutationStep("a", (Blocker(BlockerKind.ONCE),)),
                    PermutationStep(
                        "permutation_", (Blocker(BlockerKind.STEP, "a"), Blocker(BlockerKind.NOTICES, 'b "2"', 12))
                    ),
                    PermutationStep('b "2"'),
                    PermutationStep("a"),
                )
            ),
            Permutation((PermutationStep("permutation_"),)),
        ),
        comment="Two\nlines\n\nand one",
    )


def test_without_permutations_every_interleaving_is_one_in_the_order_of_sessions() -> None:
    spec = load_spec(f"session a\n{steps('a1', 'a2')}session b\n{steps('b1')}", "x.spec")
    assert [str(each) for each in spec.all_permutations] == ["a1 a2 b1", "a1 b1 a2", "b1 a1 a2"]
    assert spec.unused == ()


def test_stated_permutations_leave_steps_unused_which_are_told_by_their_bytes() -> None:
    spec = load_spec(f"session a\n{steps('b', 'a', 'B', 'c')}permutation c", "x.spec")
    assert spec.unused == ("B", "a", "b")


def test_interleavings_are_counted_before_they_are_made() -> None:
    assert count_interleavings([2, 2, 2]) == 90
    long = steps(*(f"a{n}" for n in range(20)))
    with pytest.raises(ScenarioError, match="137,846,528,820"):
        load_spec(f"session a\n{long}session b\n{long.replace('a', 'b')}", "x.spec")


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        ("", 1, "end stands where session should be"),
        ("setup { SELECT 1;\n", 1, "never ends"),
        ("session a\nstep a { SELECT '}'; }", 2, "has no meaning here"),
        ('session "a\nstep a {}', 1, "does not end on its line"),
        ("session a\nstep step {}", 2, "step"),
        ("session a\n", 2, "step"),
        (f"session a\n{steps('x')}session b\n{steps('x')}", 4, "two steps 'x'"),
        (f"session a\n{steps('x')}session a\n{steps('y')}", 4, "two sessions 'a'"),
        (f"session a\n{steps('x')}permutation x\nX", 4, "no step 'X'"),
        (f"session a\n{steps('x', 'y')}permutation x(y) y", 4, "its own session"),
        (f"session a\n{steps('x')}session b\n{steps('y')}permutation x(y)", 5, "no step of this permutation"),
        (f"session a\n{steps('x')}permutation x(", 3, "name"),
        (f"session a\n{steps('x')}permutation x(notices 3)", 3, "notices"),
        (f"session a\n{steps('x')}teardown {{}} setup {{}}", 3, "setup"),
        ("setup = 'SELECT 1'", 1, "'='"),
        ("session a\nstep x {\n\x00 }", 3, "control character"),
        ("session a\nstep x { \udcff }", 2, "no UTF-8"),
        ("session a\nstep \u202e {}", 2, "control character"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, fragment: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load_spec(text, "mine.spec")
    assert f"mine.spec, line {line}: " in str(refused.value)
    assert fragment in str(refused.value)


def test_too_large_a_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="at most 256 KiB"):
        load_spec("#" * (MAX_SPEC_BYTES + 1), "large.spec")
    with pytest.raises(ScenarioError, match="cannot be opened"):
        load_spec_file(tmp_path / "none.spec")


def test_such_a_file_is_told_from_toml() -> None:
    assert all(is_spec(file.read_text()) for file in SPECS.glob("*.spec"))
    assert not is_spec('# a scenario\nkey = "x"\nsetup = "SELECT 1"')
    assert not is_spec("#" * 60_000)
