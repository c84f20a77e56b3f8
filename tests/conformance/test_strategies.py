"""The public strategies: what they draw lies in its region, and their page does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import lossproof
from lossproof import strategies
from lossproof.conformance.families.regions.registry import in_space
from lossproof.specs import load_specs
from lossproof.specs.models import Spec

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(test_\w+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL))
FEW = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TORCH = "torch.nn.functional.cosine_similarity"


@FEW
@given(strategies.vectors(region="tiny_norm", dtype="float32", rows=5))
def test_vectors_lie_in_their_region(pair: strategies.Vectors) -> None:
    x, y = pair
    assert x.dtype == y.dtype == np.float32
    assert x.shape == y.shape
    assert 1 <= len(x) <= 5
    norms = np.linalg.norm(np.stack(pair).astype(np.float64), axis=-1)
    assert (norms > 2.0**-60).all()
    assert (norms <= 1.01e-2).all()


@pytest.mark.parametrize("region", sorted(region.name for region in in_space("vectors")))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_region_is_drawn(region: str, dtype: str) -> None:
    shapes = set()

    @FEW
    @given(strategies.vectors(region=region, dtype=dtype, rows=3))
    def collect(pair: strategies.Vectors) -> None:
        assert pair[0].shape == pair[1].shape
        assert str(pair[0].dtype) == dtype
        shapes.add(pair[0].shape)

    collect()
    rows, lengths = zip(*shapes, strict=True)
    assert set(rows) == ({0} if region == "empty" else {1, 2, 3})
    assert (len(set(lengths)) > 1) == (region != "length_1")


@pytest.mark.parametrize("spec", load_specs(), ids=lambda spec: spec.api)
def test_questions_are_calls_of_the_newest_edition(spec: Spec) -> None:
    call = spec.editions[-1].call
    drawn = []

    @FEW
    @given(strategies.questions(spec.api))
    def collect(question: strategies.Question) -> None:
        drawn.append(question)

    collect()
    for arrays, options in drawn:
        assert arrays.keys() <= {array.name for array in call.arrays}
        assert arrays.keys() >= {array.name for array in call.arrays if not array.optional}
        assert options.keys() <= {option.name for option in call.options}
    assert len({str(arrays) for arrays, _ in drawn}) > 1


def test_questions_keep_to_the_region_and_dtype_named() -> None:
    @FEW
    @given(strategies.questions(TORCH, region="parallel", dtype="float64"))
    def check(question: strategies.Question) -> None:
        (x, y), options = question[0].values(), question[1]
        assert x.dtype == y.dtype == np.float64
        axis = options.get("dim", 1)
        dot, squares = (x * y).sum(axis), (x * x).sum(axis) * (y * y).sum(axis)
        np.testing.assert_allclose(dot * dot, squares, rtol=1e-14)

    check()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: strategies.vectors(region="tiny"), "tiny_norm"),
        (lambda: strategies.vectors(dtype="float23"), "float32"),
        (lambda: strategies.vectors("tiny_norm", "float16"), "no room"),
        (lambda: strategies.vectors(rows=0), "at least 1"),
        (lambda: strategies.questions("torch.cosine_similarity"), TORCH),
        (lambda: strategies.questions(TORCH, edition="torch-0"), "did you mean|there are"),
        (lambda: strategies.questions(TORCH, region="nowhere"), "no cell"),
    ],
)
def test_a_wrong_name_is_told_at_once(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


def test_the_package_has_them() -> None:
    assert lossproof.strategies is strategies
    assert "strategies" in dir(lossproof)


def in_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """The tests of a folder, the same examples each time, however busy the machine is."""
    profile = (
        "settings.register_profile('page', derandomize=True, deadline=None)\nsettings.load_profile('page')\n"
    )
    (folder / "conftest.py").write_text(f"from hypothesis import settings\n\n{profile}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    assert sorted(FILES) == ["test_cosine.py", "test_port.py"]
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = in_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_page_is_right_that_an_added_eps_is_found(tmp_path: Path) -> None:
    norm = "np.linalg.norm(v, axis=-1, keepdims=True)"
    wrong = FILES["test_cosine.py"].replace(norm, f"({norm} + 1e-8)")
    assert wrong != FILES["test_cosine.py"]
    (tmp_path / "test_cosine.py").write_text(wrong, encoding="utf-8")
    done = in_pytest(tmp_path)
    assert done.returncode == 1, done.stdout
    assert re.search(r"(Failing test case|Falsifying example): test_cosine", done.stdout), done.stdout
