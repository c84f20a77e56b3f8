"""lossproof try: a user's own code in the place of an API, right, wrong, or doing what no function should."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lossproof.conformance.cli.main import run
from lossproof.reports import read_run

OWN = Path(__file__).parents[1] / "fakes" / "own"
COSINE = "torch.nn.functional.cosine_similarity"
CLASS = "torch.nn.CosineSimilarity"
PLAIN = ("sign", "shape", "mutation", "output", "signature")
torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed here")


class Tried:
    """The results of a run of `try`: exit code, findings by kind, rows."""

    def __init__(self, code: int, folder: Path) -> None:
        self.code, self.folder = code, folder
        self.run = read_run(folder)
        self.findings = {f["kind"]: f for f in self.run.findings}

    def rows(self, **wanted: str) -> list[dict[str, Any]]:
        table: Any = self.run.results.to_dict("records")
        return [row for row in table if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture
def tried(tmp_path: Path) -> Any:
    """tried("arrays.py:cosine", "value", "sign", api=..., timeout=...): judges code of the fakes with NumPy arrays."""

    def trying(code: str, *properties: str, api: str = COSINE, **more: Any) -> Tried:
        options = {"arrays": "numpy", "examples": 1, "out": tmp_path / "run", **more}
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        words += [f"--property={name}" for name in properties or PLAIN]
        return Tried(run(["try", str(OWN / code), "--as", api, *words]), tmp_path / "run")

    return trying


# --- right ---


@pytest.mark.parametrize("code", ["arrays.py:cosine", "arrays.py:Losses.cosine", "arrays.py:wider"])
def test_right_code_has_no_finding(tried: Any, code: str) -> None:
    done = tried(code)
    assert done.code == 0
    assert not done.findings
    assert {row["verdict"] for row in done.rows()} <= {"conforms", "unsupported"}
    left_out = done.rows(verdict="unsupported", dtype="float32")
    assert [row["variant"] for row in left_out] == ["case=returns-a-tensor"]  # it is NumPy's


def test_a_class_takes_the_place_of_a_class(tried: Any) -> None:
    assert not tried("arrays.py:Cosine", "sign", "axis", "signature", api=CLASS).findings
    assert tried("arrays.py:SquaredDistance", "sign", api=CLASS).findings["formula"]["severity"] == "S1"


def test_the_run_says_what_was_judged_and_as_what(tried: Any) -> None:
    done = tried("arrays.py:cosine", "sign")
    assert done.run.run["command"] == "try"
    assert done.run.run["own"]["as"] == COSINE
    assert done.run.run["own"]["arrays"] == "NumPy"
    assert done.run.run["own"]["code"] == "arrays.py:cosine"
    assert {row["target"] for row in done.rows()} == {"arrays.py:cosine"}
    assert {row["framework"] for row in done.rows()} == {"numpy"}
    assert not done.run.run["targets"][0]["documentation"], "a user's docstring is not the API's page"


def test_json_is_the_summary_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--as", COSINE, "--arrays", "numpy", "--property", "signature", "--out", str(tmp_path / "run")]
    assert run(["try", f"{OWN}/arrays.py:renamed", *few, "--json"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["run"]["own"]["code"] == "arrays.py:renamed"
    assert summary["new"] == [finding["slug"] for finding in summary["findings"]] != []


# --- wrong ---


@pytest.mark.parametrize(
    ("name", "properties", "kind", "severity"),
    [
        ("negated", ("sign",), "sign", "S1"),
        ("kept", ("shape",), "shape", "S1"),
        ("listed", ("sign",), "shape", "S1"),
        ("renamed", ("signature",), "configuration", "S2"),
        ("refusing", ("sign",), "error", "S2"),
        ("leaving", ("sign",), "error", "S2"),
        ("mutating", ("mutation",), "mutation", "S2"),
        ("printing", ("output",), "output", "S4"),
        ("child_printing", ("output",), "output", "S4"),
    ],
)
def test_wrong_code_has_the_finding_that_it_deserves(
    tried: Any, name: str, properties: tuple[str, ...], kind: str, severity: str
) -> None:
    done = tried(f"arrays.py:{name}", *properties)
    finding = done.findings[kind]
    assert finding["status"] == "new"
    assert finding["severity"] == severity
    assert done.code == (0 if severity > "S2" else 1)
    assert not done.rows(verdict="broken")
    assert finding["witness"]["api"] == COSINE


@pytest.mark.parametrize("name", ["mutating", "printing", "refusing"])
def test_the_question_that_caused_it_is_small_and_in_the_script(tried: Any, name: str) -> None:
    done = tried(f"arrays.py:{name}", "sign", "mutation", "output")
    (finding,) = done.findings.values()
    assert all(len(a["values"]) == 1 for a in finding["witness"]["arrays"].values())
    script = done.folder / finding["reproducer"]
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert shown.returncode == 1, shown.stderr
    assert "observed" in shown.stdout


def test_a_script_agrees_once_the_code_is_right(tried: Any, tmp_path: Path) -> None:
    done = tried("arrays.py:negated", "sign")
    script = done.folder / done.findings["sign"]["reproducer"]
    (tmp_path / "arrays.py").write_text(
        (OWN / "arrays.py").read_text().replace("return -cosine", "return cosine")
    )
    mended = script.read_text().replace(OWN.as_posix(), tmp_path.as_posix())
    assert subprocess.run([sys.executable, "-c", mended], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("name", "kind"), [("dying", "crash"), ("crashing", "crash"), ("hanging", "hang")])
def test_code_that_never_answers_is_one_finding(tried: Any, name: str, kind: str) -> None:
    done = tried(f"arrays.py:{name}", "sign", "output", "error", timeout=0.5)
    assert done.code == 1
    assert set(done.findings) == {kind}
    assert not done.rows(verdict="broken")
    assert done.findings[kind]["witness"]["arrays"]
    assert not done.rows(property="error", verdict="conforms"), "a crash is no exception"


def test_a_crash_where_the_documentation_is_silent_is_a_finding_too(tried: Any) -> None:
    done = tried("arrays.py:crashing_when_empty", "value")
    assert done.findings["crash"]["witness"]["arrays"]["x1"]["shape"][0] == 0


# --- what says nothing of the code ---


def test_what_is_about_the_api_alone_is_not_held_against_the_code(tried: Any) -> None:
    done = tried("arrays.py:negated_as_in_keras", "signature", api="tf.keras.losses.cosine_similarity")
    left = {row["variant"]: json.loads(row["observed"])["note"] for row in done.rows(verdict="unsupported")}
    assert any("other names of the API" in note for note in left.values()), left


def test_methods_that_the_code_does_not_have_are_not_asked_for(tried: Any) -> None:
    done = tried("arrays.py:Loss", "configuration", api="tf.keras.losses.CosineSimilarity")
    assert done.code == 0
    assert not done.findings
    (note,) = {json.loads(row["observed"])["note"] for row in done.rows(variant="case=configuration-axis")}
    assert note == "your code has none: 'Loss' object has no attribute 'get_config'"


def test_what_the_code_asks_of_an_array_in_vain_is_its_own_mistake(tried: Any) -> None:
    done = tried("arrays.py:Mistaken", "configuration", api="tf.keras.losses.CosineSimilarity")
    (row,) = done.rows(variant="case=configuration-axis")
    assert row["verdict"] == "diverges"
    assert "'numpy.ndarray' object has no attribute 'cpu'" in row["observed"]


def test_a_page_that_contradicts_itself_accuses_nobody(tried: Any, tmp_path: Path) -> None:
    (tmp_path / "similarity.py").write_text(
        "from arrays import cosine\n"
        "def loss(x1, x2, axis=1, eps=1e-8, reduction='none'):\n    return cosine(x1, x2, axis, eps)\n"
    )
    (tmp_path / "arrays.py").write_text((OWN / "arrays.py").read_text())
    done = tried(
        str(tmp_path / "similarity.py:loss"),
        "training",
        "signature",
        api="mlx.nn.losses.cosine_similarity_loss",
    )
    assert not done.findings
    assert any("contradicts itself" in row["observed"] for row in done.rows(verdict="unsupported"))


def test_numpy_is_not_asked_for_what_is_the_framework_s(tried: Any) -> None:
    done = tried("arrays.py:cosine", "dtype", "sign", "signature")
    assert not done.findings
    assert {r["verdict"] for r in done.rows(dtype="bfloat16")} == {"unsupported"}
    assert all("promotion" in r["observed"] for r in done.rows(property="dtype", dtype="int32"))


# --- which arrays, which Python ---


@torch
@pytest.mark.parametrize(
    ("code", "arrays"),
    [("arrays.py:cosine", "NumPy"), ("tensors.py:cosine", "torch")],
)
def test_the_arrays_follow_what_the_code_imports(tried: Any, code: str, arrays: str) -> None:
    done = tried(code, "sign", arrays="auto")
    assert not done.findings
    assert done.run.run["own"]["arrays"] == arrays


def test_another_edition_judges_by_other_words(tried: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for slug in ("torch-2.1", "torch-1.13"):
        done = tried("arrays.py:cosine", "signature", edition=slug)
        assert done.run.run["own"]["edition"] == slug
        assert set(done.run.claims["edition"]) == {slug}
        assert f"({slug})" in capsys.readouterr().out


def test_a_module_is_found_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "losses.py").write_text((OWN / "arrays.py").read_text())
    monkeypatch.chdir(tmp_path)
    few = ["--as", COSINE, "--arrays", "numpy", "--examples", "1", "--property", "signature"]
    assert run(["try", "mine.losses:cosine", *few]) == 0
    assert (tmp_path / "lossproof-try" / "run.json").is_file()


# --- exit codes ---


def test_fail_on_and_severity_decide_the_exit_code(tried: Any) -> None:
    assert tried("arrays.py:renamed", "signature").code == 1
    assert tried("arrays.py:renamed", "signature", fail_on="never").code == 0
    assert tried("arrays.py:renamed", "signature", severity="S1").code == 0


MISTAKES = {
    "no-file": (["nothere.py:cosine"], "nothere.py: no such file"),
    "no-function": (["{own}/arrays.py:cosinus"], "there is cosine"),
    "not-callable": (["{own}/arrays.py:constant"], "is no function"),
    "no-name": (["{own}/arrays.py"], "FILE.py:FUNCTION"),
    "no-module": (["no_such_module_here:f"], "no_such_module_here"),
    "syntax": (["{tmp}/syntax.py:f"], "syntax.py, line 2"),
    "import": (["{tmp}/importing.py:f"], "importing.py cannot be imported: ModuleNotFoundError"),
    "leaves": (["{tmp}/leaving.py:f"], "leaving.py cannot be imported: SystemExit"),
    "class": (["{own}/arrays.py:Cosine"], "is a function"),
    "edition": (["{own}/arrays.py:cosine", "--edition", "torch-0.1"], "torch-1.13"),
    "python": (["{own}/arrays.py:cosine", "--python", "/nowhere/python"], "/nowhere/python"),
    "property": (["{own}/arrays.py:cosine", "--property", "valu"], "value"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_do(
    mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "syntax.py").write_text("import os\ndef f(x:\n")
    (tmp_path / "importing.py").write_text("import no_such_framework\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(1)\n")
    words, said = MISTAKES[mistake]
    given = [word.format(own=OWN, tmp=tmp_path) for word in words]
    assert run(["try", *given, "--as", COSINE, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1, error
    assert said in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "api", "why"),
    [
        ("lettered", COSINE, "(a, b, axis, epsilon) cannot be called as"),
        ("scaled", COSINE, "needs scale, which the API has not"),
        ("positional", COSINE, "has no parameters x1 and x2 to be given by name"),
        ("cosine", "torch.nn.functional.cosine_embedding_loss", "input1, input2, target and reduction"),
        ("Lettered", CLASS, "has no parameters x1 and x2"),
        ("Cosine", "tf.keras.losses.CosineSimilarity", "has no parameter reduction"),
    ],
)
def test_a_signature_that_does_not_fit_is_told_once_with_a_wrapper_that_does(
    name: str, api: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "arrays.py").write_text((OWN / "arrays.py").read_text())
    few = [
        "--as",
        api,
        "--arrays",
        "numpy",
        "--examples",
        "1",
        "--property",
        "signature",
        "--property",
        "sign",
    ]
    out = tmp_path / "run"
    assert run(["try", f"{tmp_path}/arrays.py:{name}", *few, "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert why in told.splitlines()[0]
    assert not out.exists()
    pasted = "\n".join(line[4:] for line in told.splitlines()[2:])
    if name == "scaled":
        assert "scale=..." in pasted
        pasted = pasted.replace("scale=...", "scale=1")
    (tmp_path / "wrapped.py").write_text(pasted)
    wrapped = api.rpartition(".")[2]
    code = run(["try", f"{tmp_path}/wrapped.py:{wrapped}", *few, "--out", str(out)])
    assert code in (0, 1), capsys.readouterr().err
    rows = Tried(code, out).rows(property="signature")
    assert {r["verdict"] for r in rows if r["variant"].startswith("case=signature")} == {"conforms"}
    if api in (COSINE, CLASS):
        assert code == 0


def test_code_that_says_nothing_of_its_parameters_is_let_through(tried: Any) -> None:
    assert not tried("arrays.py:anything", "sign", "axis").findings


def test_an_option_that_the_code_lacks_is_one_finding_and_not_asked(tried: Any) -> None:
    done = tried("arrays.py:unstable", "signature", "eps", "sign", "axis")
    assert sorted(f["kind"] for f in done.run.findings) == ["configuration", "eps"]  # 1e-8 is 0 in float16
    left = {json.loads(row["observed"])["note"] for row in done.rows(verdict="unsupported", property="eps")}
    assert "your code has no parameter eps" in left
    assert {row["verdict"] for row in done.rows(property="axis", dtype="float32")} == {"conforms"}


def test_an_unknown_api_is_told_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for api, near in (("torch.nn.CosineSimilarit", CLASS), ("cosine_similarity", COSINE)):
        assert run(["try", f"{OWN}/arrays.py:cosine", "--as", api, "--out", str(tmp_path / "run")]) == 2
        assert near in capsys.readouterr().err


def test_a_version_that_no_edition_documents_is_judged_by_the_newest(
    tried: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lossproof.conformance.usercode import code as own_code
    from lossproof.specs import load_specs

    monkeypatch.setattr(own_code, "_versions", lambda *_: {"torch": "0.4"})
    monkeypatch.setattr(own_code, "_framework", lambda *_: own_code.installed(["mlx"])[0])
    done = tried("arrays.py:cosine", "signature")
    newest = next(s for s in load_specs() if s.api == COSINE).editions[-1].slug
    assert done.code == 0
    assert done.run.run["own"]["edition"] == newest
    told = capsys.readouterr().err
    assert f"documents torch 0.4: judged by the newest, {newest}; --edition takes another: torch-1.13" in told


def test_a_loss_that_is_not_covered_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = f"{OWN}/arrays.py:cosine"
    assert run(["try", code, "--as", "torch.nn.TripletMarginLoss", "--out", str(tmp_path / "run")]) == 2
    assert "'torch.nn.TripletMarginLoss' is not covered; 'lossproof specs' lists" in capsys.readouterr().err


def test_dtype_and_region_narrow_what_is_asked(tried: Any, tmp_path: Path) -> None:
    done = tried("arrays.py:cosine", "sign", "zero_vector", dtype="float64", region="ordinary")
    assert done.code == 0
    assert {(row["dtype"], row["region"]) for row in done.rows()} == {("float64", "ordinary")}
    code = f"{OWN}/arrays.py:cosine"
    few = ["--property", "signature", "--region", "zero", "--out", str(tmp_path / "none")]
    assert run(["try", code, "--as", COSINE, "--arrays", "numpy", *few]) == 2
    assert not (tmp_path / "none").exists()


def test_an_older_run_is_replaced_and_anything_else_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("three years of work")
    few = ["--as", COSINE, "--arrays", "numpy", "--property", "signature", "--out", str(tmp_path)]
    assert run(["try", f"{OWN}/arrays.py:cosine", *few]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
