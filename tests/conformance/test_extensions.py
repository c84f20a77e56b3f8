"""A framework of somebody else, its specs, ledger and adapter in an installed package, is judged as any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lossproof.reports import read_run

TINYFRAME = Path(__file__).parents[1] / "third_party" / "tinyframe"
PROGRAM = "import sys; from lossproof.conformance.cli.main import run; code = run(sys.argv[1:])"


def lossproof(site: Path | None, *words: str, after: str = "") -> subprocess.CompletedProcess[str]:
    """The command line with the packages of a folder beside those of this environment."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["LOSSPROOF_CACHE"] = os.devnull  # no environments to measure
    if site is not None:
        variables["PYTHONPATH"] = str(site)
    command = [sys.executable, "-c", f"{PROGRAM}{after}; sys.exit(code)", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, as its users install it."""
    folder = tmp_path_factory.mktemp("site")
    offline = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        *offline,
        "--target",
        str(folder),
        str(TINYFRAME),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a package whose entry point leads nowhere."""
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lossproof.extensions]\nbroken = no_such_package.lossproof\n")
    return tmp_path


def test_its_apis_are_judged_and_its_ledger_holds(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    few = ["--examples", "1", "--property", "value", "--property", "error", "--property", "zero_vector"]
    done = lossproof(site, "check", "--target", "tinyframe", *few, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    run = read_run(out)
    assert {finding["slug"]: finding["status"] for finding in run.findings} == {
        "tinyframe-distance-is-negated": "known"
    }
    judged = run.results[run.results["api"] == "tinyframe.similarity"]
    assert set(judged["verdict"]) <= {"conforms", "undocumented", "unsupported"}
    assert set(judged["version"]) == {"1.2.0"}
    (script,) = (out / "reproducers").iterdir()
    shown = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert shown.returncode == 1, shown.stderr


def test_it_is_listed_and_never_imported_by_the_tool(site: Path) -> None:
    after = "; assert not [m for m in sys.modules if m.startswith('tinyframe')]"
    specs = lossproof(site, "specs", "--json", after=after)
    assert specs.returncode == 0, specs.stderr
    assert "tinyframe.similarity" in specs.stdout
    targets = lossproof(site, "targets", "--json", after=after)
    rows = {row["target"]: row for row in json.loads(targets.stdout)["installed"]}
    assert rows["tinyframe"]["version"] == "1.2.0"


def test_code_of_a_user_takes_the_place_of_its_apis(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import tinyframe\n\ndef distance(a, b, eps=1e-6):\n"
        "    return tinyframe.Tensor(1 - tinyframe.similarity(a, b, eps).numpy(), a.dtype)\n"
    )
    words = ["--as", "tinyframe.distance", "--property", "mutation", "--property", "error", "--examples", "1"]
    done = lossproof(site, "try", str(tmp_path / "mine.py:distance"), *words, "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "given tinyframe arrays" in done.stdout


def test_another_version_is_not_built(site: Path) -> None:
    done = lossproof(site, "check", "--target", "tinyframe==1.1.0")
    assert done.returncode == 2
    assert "no environments are built for tinyframe" in done.stderr


def test_without_the_package_nothing_knows_it() -> None:
    done = lossproof(None, "check", "--target", "tinyframe")
    assert done.returncode == 2
    assert "unknown target 'tinyframe'" in done.stderr


def test_an_extension_that_leads_nowhere_is_named(broken: Path) -> None:
    done = lossproof(broken, "specs")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "entry point broken of broken" in done.stderr
    assert "no_such_package.lossproof" in done.stderr


def test_an_extension_brings_releases_of_a_framework(broken: Path) -> None:
    (broken / "broken-1.0.dist-info" / "entry_points.txt").write_text("[lossproof.extensions]\nmine = mine\n")
    place = broken / "mine" / "frameworks" / "forked" / "catalogue.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(
        "framework: torch\nreleases: ['1.0', '1.1']\n"
        "builds: [{versions: '>=1', python: ['3.11'], packages: ['forked=={version}']}]\n"
    )
    done = lossproof(broken, "targets", "--json")
    assert done.returncode == 0, done.stderr
    found = {row["package"]: row["releases"] for row in json.loads(done.stdout)["catalogued"]}
    assert found["forked"] == ["1.0", "1.1"]
    assert "tensorflow-addons" in found


OWN = Path(__file__).parents[1] / "fakes" / "own" / "arrays.py"
TRY = ["try", f"{OWN}:cosine", "--as", "torch.nn.functional.cosine_similarity", "--arrays", "numpy"]


@pytest.mark.parametrize(
    ("file", "text", "command", "words"),
    [
        ("apis/x.yaml", "api: tinyframe.x\n", ["specs"], "x.yaml"),
        ("frameworks/x/facts.yaml", "name: x\n", ["targets"], "x/reproducer.yaml: no such file"),
        (
            "frameworks/x/catalogue.yaml",
            "name: x\n",
            ["targets"],
            "x/catalogue.yaml: name: the folder says this",
        ),
        ("frameworks/x/catalogue.yaml", "releases: [1]\n", ["targets"], "x/catalogue.yaml: framework"),
        ("frameworks/torch/facts.yaml", "{}", ["targets"], "there is a framework 'torch' already"),
        ("frameworks/x.yaml", "title: x\n", ["targets"], "write frameworks/x/facts.yaml"),
        ("ledger/x.yaml", "findings: none\n", [*TRY, "--property", "signature"], "findings"),
    ],
)
def test_a_wrong_file_of_an_extension_is_named(
    broken: Path, file: str, text: str, command: list[str], words: str
) -> None:
    (broken / "broken-1.0.dist-info" / "entry_points.txt").write_text(
        "[lossproof.extensions]\nmine = mine.data\n"
    )
    place = broken / "mine" / "data" / file
    place.parent.mkdir(parents=True)
    place.write_text(text)
    out = ["--out", str(broken / "run")] if command[0] == "try" else []
    done = lossproof(broken, *command, *out)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "mine: " in done.stderr
    assert words in done.stderr
