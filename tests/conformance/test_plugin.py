"""The pytest plugin: one test a cell for code of one's own, in a pytest of its own."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as Tree
from collections.abc import Callable
from pathlib import Path

import pytest

OWN = Path(__file__).parents[1] / "fakes" / "own"
API = "torch.nn.functional.cosine_similarity"
Suite = Callable[..., "tuple[int, str]"]

HEAD = "import pytest\nfrom arrays import *\n"
MARKED = """
@pytest.mark.conforms_to("{api}", {code}, arrays="numpy", examples=1{more})
def test_{name}(conformance):
    conformance()
"""


def marked(name: str, *, code: str = "", more: str = "", api: str = API) -> str:
    return MARKED.format(api=api, code=code or name, name=name, more=more and f", {more}")


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """suite(text, *options): runs pytest on a test file beside the user's code; exit code and output."""
    shutil.copy(OWN / "arrays.py", tmp_path)

    def running(text: str, *options: str, head: str = HEAD) -> tuple[int, str]:
        (tmp_path / "test_mine.py").write_text(head + text)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-rA",
            "--strict-markers",
            *options,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return running


def counted(output: str) -> dict[str, int]:
    """{"passed": 3, ...} of the last line."""
    return {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", output.strip().splitlines()[-1])}


def test_three_lines_make_a_test_of_each_cell(suite: Suite) -> None:
    code, output = suite(marked("cosine", more="properties=['sign', 'signature']"))
    assert code == 0, output
    assert counted(output)["passed"] >= 11
    assert "PASSED test_mine.py::test_cosine[sign-ordinary-float32--]" in output
    assert re.search(r"SKIPPED .*unsupported: NumPy has no bfloat16", output), output


def test_a_cell_is_selected_by_its_name_and_nothing_else_is_asked(suite: Suite) -> None:
    text = marked("negated") + marked("hanging", more="timeout=1")
    code, output = suite(text, "-k", "test_negated and sign-ordinary-float32")
    assert code == 1
    assert counted(output)["failed"] == 1
    assert "passed" not in counted(output)
    assert "sign, S1, new" in output
    assert "documented torch.nn.functional.cosine_similarity" in output


def test_a_hang_a_crash_and_an_exception_fail_their_tests(suite: Suite) -> None:
    few = "properties=['range'], timeout=0.5"
    text = "".join(marked(name, more=few) for name in ("hanging", "dying", "refusing"))
    code, output = suite(text, "-k", "ordinary-float32 or ordinary-float64")
    assert code == 1
    assert counted(output)["failed"] == 6, output
    for words in ("no answer within 6 s", "exit status 7", "no such luck"):
        assert words in output


def test_a_crash_where_the_documentation_is_silent_fails_its_test_too(suite: Suite) -> None:
    code, output = suite(
        marked("crashing_when_empty", more="properties=['value']"),
        "-k",
        "value-empty or value-ordinary-float64",
    )
    assert code == 1
    assert counted(output)["passed"] == counted(output)["failed"] == 1, output
    assert "the code crashes: the worker died: exit status 7" in output


def test_a_new_finding_comes_as_the_entry_of_a_ledger_that_makes_it_known(
    suite: Suite, tmp_path: Path
) -> None:
    cell = ("-k", "test_negated and (parallel-float32 or ledger)")
    text = marked("negated", more="properties=['sign']")
    code, output = suite(text, *cell)
    assert code == 1
    entry = output.partition("entry for a ledger call")[2].partition("\n")[2].partition("\n=====")[0]
    (tmp_path / "known.yaml").write_text(entry)

    code, output = suite(text, *cell, "--lossproof-ledger", "known.yaml")
    assert code == 0, output
    assert counted(output)["xfailed"] == 1
    assert "known: numpy-sign-negated" in output
    assert "PASSED test_mine.py::test_negated[ledger-numpy-sign-negated]" in output

    # The ledger of the marker lies beside the test, and an entry that outlives its cause fails.
    known = "properties=['sign'], ledger='known.yaml'"
    code, output = suite(marked("negated", code="cosine", more=known), *cell)
    assert code == 1
    assert "numpy-sign-negated is fixed" in output


def test_what_matters_less_than_asked_for_is_an_expected_failure(suite: Suite) -> None:
    cell = ("-k", "output-ordinary")
    code, output = suite(marked("printing", more="properties=['output']"), *cell)
    assert code == 0, output
    assert "XFAIL" in output
    assert suite(marked("printing", more="properties=['output'], severity='S4'"), *cell)[0] == 1


def test_code_is_named_as_on_the_command_line_too(suite: Suite) -> None:
    text = marked("named", code="'arrays.py:Losses.cosine'", more="properties=['signature']")
    text += marked("dotted", code="Losses.cosine", more="properties=['signature']")
    text += marked("built", code="Cosine", api="torch.nn.CosineSimilarity", more="properties=['signature']")
    code, output = suite(text)
    assert code == 0, output


def test_several_functions_share_a_test(suite: Suite) -> None:
    mark = '@pytest.mark.conforms_to("{}", {}, arrays="numpy", properties=["output"], examples=1)\n'
    text = "".join(mark.format(API, name) for name in ("cosine", "wider"))
    code, output = suite(text + "def test_all(conformance):\n    conformance()\n")
    assert code == 0, output
    assert "test_all[arrays.py:cosine-output-zero-float32--]" in output
    assert "test_all[arrays.py:wider-output-zero-float32--]" in output


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed here")
def test_a_stopped_gradient_is_found_in_tensors(suite: Suite, tmp_path: Path) -> None:
    shutil.copy(OWN / "tensors.py", tmp_path)
    text = marked("stopped", code="'tensors.py:detached'").replace('arrays="numpy", ', "")
    code, output = suite(text, "-k", "gradient-ordinary-float32-wrt and not x2")
    assert code == 1
    assert "gradient, S1, new" in output, output


MISTAKES = {
    "local": (marked("local", code="lambda x1, x2: x1"), "'FILE.py:NAME'"),
    "api": (marked("cosine", api="torch.cosine_similarty"), "did you mean"),
    "property": (marked("cosine", more="properties=['signs']"), "'signs'"),
    "dtype": (marked("cosine", more="dtypes=['float33']"), "did you mean float32"),
    "region": (marked("cosine", more="regions=['zeros']"), "did you mean zero"),
    "nothing": (
        marked("cosine", more="properties=['sign'], regions=['empty']"),
        "matches --property sign --region",
    ),
    "argument": (marked("cosine", more="array='numpy'"), "'array'"),
    "ledger": (marked("cosine", more="ledger='nothere.yaml'"), "nothere.yaml"),
    "fixture": (
        marked("cosine").replace("(conformance)", "()").replace("conformance()", "pass"),
        "lacks the fixture",
    ),
    "marker": ("def test_alone(conformance):\n    conformance()\n", "mark it with"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_line(suite: Suite, mistake: str) -> None:
    text, words = MISTAKES[mistake]
    code, output = suite(text)
    assert code != 0
    assert words in output
    assert "INTERNALERROR" not in output


def test_code_that_cannot_be_imported_again_errors(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "fickle.py").write_text("raise ImportError('not today')\n")
    code, output = suite(marked("fickle", code="'fickle.py:f'", more="properties=['signature']"))
    assert code == 1
    assert "fickle.py cannot be imported: ImportError: not today" in output


def test_a_signature_that_does_not_fit_is_told_once_and_nothing_is_asked(suite: Suite) -> None:
    code, output = suite(marked("lettered", more="properties=['sign']"), "-rN")
    assert code == 1
    assert output.count("def cosine_similarity(x1, x2, dim=1, eps=1e-08):") == 1
    assert "not asked: arrays.py:lettered(a, b, axis, epsilon) cannot be called" in output
    assert set(counted(output)) == {"failed"}


def test_dtypes_and_regions_narrow_the_tests(suite: Suite) -> None:
    more = "properties=['sign', 'zero_vector'], dtypes=['float64'], regions=['ordinary']"
    code, output = suite(marked("cosine", more=more))
    assert code == 0
    assert counted(output) == {"passed": 1}
    assert "test_cosine[sign-ordinary-float64--]" in output


def test_junit_has_the_verdict_of_each_cell(suite: Suite, tmp_path: Path) -> None:
    suite(marked("renamed", more="properties=['signature']"), "--junitxml", "junit.xml")
    cases = {case.get("name"): case for case in Tree.parse(tmp_path / "junit.xml").iter("testcase")}
    case = cases["test_renamed[signature-----case=signature]"]
    assert case.find("failure") is not None
    assert {p.get("name"): p.get("value") for p in case.iter("property")}["verdict"] == "diverges"


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed here")
def test_workers_of_xdist_judge_the_same(suite: Suite) -> None:
    text = marked("cosine", more="properties=['output', 'signature']")
    alone, shared = suite(text), suite(text, "-n", "2")
    assert alone[0] == shared[0] == 0, shared[1]
    assert {line for line in alone[1].splitlines() if line.startswith("PASSED")} == {
        line for line in shared[1].splitlines() if line.startswith("PASSED")
    }


def test_the_plugin_is_light_where_it_is_not_used(suite: Suite) -> None:
    heavy = {"numpy", "pandas", "pydantic", "click", "lossproof.specs", "lossproof.oracle"}
    text = f"import sys\ndef test_nothing():\n    assert not {heavy!r} & set(sys.modules)\n"
    code, output = suite(text, "-p", "no:hypothesispytest", head="")
    assert code == 0, output
