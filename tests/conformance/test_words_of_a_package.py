"""A norm rule and a property of somebody else, installed as two pages write them, are judged as any other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lossproof.reports import read_run
from lossproof.reports.run import Run
from lossproof.specs.format import format_text

DOCS = Path(__file__).parents[2] / "docs"
RULE, PROPERTY = (
    (DOCS / f"adding-a-{thing}.md").read_text(encoding="utf-8") for thing in ("norm-rule", "property")
)
FILES = dict(re.findall(r"`([\w/.]+\.\w+)`:\n\n```\w+\n(.*?)```", RULE + PROPERTY, re.DOTALL))
SPEC = "rooted_lossproof/apis/rooted.similarity.yaml"
PROGRAM = "import sys; from lossproof.conformance.cli.main import run; sys.exit(run(sys.argv[1:]))"


def block(kind: str) -> str:
    """The text that the page on properties adds to a file of the other page."""
    (found,) = re.findall(rf"gains.*?\n\n```{kind}\n(.*?)```", PROPERTY, re.DOTALL)
    return str(found)


ADDED = {"pyproject.toml": "\n" + block("toml"), SPEC: "\n" + block("yaml")}


def install(package: Path, folder: Path) -> Path:
    """The package in a folder, as its users install it."""
    offline = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    command = [sys.executable, "-m", "uv", "pip", "install", *offline, "--target", str(folder), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of both pages."""
    package = tmp_path_factory.mktemp("package")
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text + ADDED.get(name, ""), encoding="utf-8")
    (package / "rooted_lossproof" / "__init__.py").touch()
    return install(package, tmp_path_factory.mktemp("site"))


def lossproof(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line with the packages of a folder."""
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-c", PROGRAM, *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )


Judge = Callable[..., tuple[int, Run]]


@pytest.fixture
def judge(site: Path, tmp_path: Path) -> Judge:
    """Judges a function of a page as the page does; the exit code and the run."""

    def judged(file: str, function: str, api: str, *words: str) -> tuple[int, Run]:
        (tmp_path / file).write_text(FILES[file], encoding="utf-8")
        code = f"{tmp_path / file}:{function}"
        few = ["--arrays", "numpy", "--examples", "2", "--out", str(tmp_path / "run")]
        done = lossproof(site, "try", code, "--as", api, *few, *words)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.returncode, read_run(tmp_path / "run")

    return judged


API = "rooted.similarity"


def asking(*properties: str) -> list[str]:
    """The options that narrow a run to some properties."""
    return [word for name in properties for word in ("--property", name)]


def verdicts(run: Run, name: str) -> dict[str, set[str]]:
    """The verdicts of a property's cells by region."""
    cells = run.results[run.results["property"] == name]
    return {region: set(group) for region, group in cells.groupby("region")["verdict"]}


def test_a_right_implementation_conforms(judge: Judge) -> None:
    code, run = judge(
        "mine.py", "similarity", API, *asking("value", "eps", "zero_vector", "scale", "negation")
    )
    assert code == 0
    assert not run.findings
    assert verdicts(run, "negation") == {"ordinary": {"conforms"}, "tiny_norm": {"conforms"}}
    assert verdicts(run, "eps") == {"below_eps": {"conforms"}}
    assert verdicts(run, "zero_vector") == {"zero": {"conforms"}}
    assert verdicts(run, "scale") == {}  # the rule is not scale-free
    assert verdicts(run, "value")["ordinary"] == {"conforms"}
    assert dict(zip(run.claims["claim"], run.claims["verdict"], strict=True))["odd-in-both"] == "conforms"


def test_another_rule_is_found_wrong_and_named(judge: Judge) -> None:
    code, run = judge("mine.py", "floored", API, *asking("value", "eps", "negation"))
    assert code == 1
    (finding,) = run.findings
    assert finding["behaves_as"]["parameters"] == {"norm_rule": "floor_squared_product"}
    assert verdicts(run, "eps") == {"below_eps": {"diverges"}}
    assert verdicts(run, "negation") == {"ordinary": {"conforms"}, "tiny_norm": {"conforms"}}
    assert dict(zip(run.claims["claim"], run.claims["verdict"], strict=True)) == {
        "formula": "diverges",
        "odd-in-both": "conforms",
    }


def test_what_breaks_the_property_diverges_there(judge: Judge) -> None:
    code, run = judge("clipped.py", "similarity", API, *asking("negation"))
    assert code == 1
    assert verdicts(run, "negation") == {"ordinary": {"diverges"}, "tiny_norm": {"conforms"}}  # eps outweighs
    assert {finding["kind"] for finding in run.findings} == {"formula"}
    assert dict(zip(run.claims["claim"], run.claims["verdict"], strict=True))["odd-in-both"] == "diverges"


def test_the_rule_explains_wrong_answers_of_other_apis(judge: Judge) -> None:
    words = [*asking("eps"), "--dtype", "float32", "--region", "below_eps"]
    code, run = judge("mine.py", "other", "torch.nn.functional.cosine_similarity", *words)
    assert code == 1
    (finding,) = run.findings
    assert finding["behaves_as"]["parameters"] == {"norm_rule": "add_squared_product"}
    (script,) = run.scripts.values()
    assert "adds to the product of the squared norms: |x|^2 |y|^2 + eps" in script
    assert verdicts(run, "eps") == {"below_eps": {"diverges"}}


def test_the_spec_of_the_page_is_canonical() -> None:
    assert format_text(FILES[SPEC] + ADDED[SPEC]) == FILES[SPEC] + ADDED[SPEC]


def test_the_oracle_takes_the_object_as_the_page_says(site: Path) -> None:
    (code,) = re.findall(r"```python\n(from lossproof import oracle\n.*?)```", RULE, re.DOTALL)
    *body, last = code.splitlines()
    value, _, comment = last.partition("  # ")
    program = "\n".join([*body, f"assert float({value}) == {comment}"])
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("group", "name", "value", "told"),
    [
        ("properties", "mine", "broken:ONE", "cannot be loaded: AttributeError"),
        ("properties", "mine", "os:sep", "it is no Property"),
        ("properties", "sign", "lossproof.conformance.properties.sign:PROPERTY", "has a Property of that name"),
        ("kinds", "sign", "lossproof.conformance.families.kinds:SIGN", "has a Kind of that name"),
        ("families", "mine", "os:sep", "it is no Family"),
        ("semantics", "mine", "broken:ONE", "no entry point of lossproof.families brings a Family of that name"),
        ("families", "cosine", "lossproof.conformance.families.cosine:FAMILY", "has a Family of that name"),
        ("norm_rules", "mine", "broken:ONE", "cannot be loaded: AttributeError"),
        ("norm_rules", "mine", "os:sep", "it is no NormRule"),
    ],
)  # fmt: skip
def test_a_package_at_fault_is_named(tmp_path: Path, group: str, name: str, value: str, told: str) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[lossproof.{group}]\n{name} = {value}\n")
    (tmp_path / "broken.py").touch()
    (tmp_path / "mine.py").write_text(FILES["mine.py"])
    words = [
        "--as",
        "torch.nn.functional.cosine_similarity",
        "--arrays",
        "numpy",
        "--out",
        str(tmp_path / "run"),
    ]
    done = lossproof(tmp_path, "try", str(tmp_path / "mine.py:other"), "--property", "eps", *words)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert f"entry point {name} of broken: lossproof.{group}: " in line
    assert told in line
