"""The command line in processes of its own, on MLX: exit codes, one line for a mistake, nothing left after a fault."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lossproof import reports
from lossproof.conformance.cli.main import run

mlx = pytest.mark.skipif(importlib.util.find_spec("mlx") is None, reason="MLX is not installed here")
FEW = ["--target", "mlx", "--examples", "1", "--jobs", "1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek"], "check"),
        (["check", "--target", "trch"], "torch"),
        (["check", "--target", "mlx", "--api", "torch.nn.CosineSimilarit"], "torch.nn.CosineSimilarity"),
        (["check", "--property", "weigths"], "weights"),
        (["check", "--sed", "1"], "--seed"),
        (["check", "--severity", "S9"], "S4"),
        (["check", "--examples", "0"], "--examples takes a whole number from 1 to 1000, not '0'"),
        (["check", "--examples", "x"], "--examples takes a whole number from 1 to 1000, not 'x'"),
        (["check", "--seed", "-1"], "--seed takes a whole number from 0 on, not '-1'"),
        (["check", "--jobs", "few"], "--jobs takes a whole number from 1 on, not 'few'"),
        (
            ["try", "x.py:f", "--as", "x", "--timeout", "nan"],
            "--timeout takes seconds, 0.1 or more, not 'nan'",
        ),
        (["try", "x.py:f", "--as", "x", "--arrays", "list"], "--arrays takes auto, framework or numpy, not"),
        (["specs", "--record", "mlx", "--specs", "/nowhere"], "/nowhere: no such file or folder"),
        (["check", "--dtype", "float31"], "there is no dtype 'float31'; did you mean float32"),
        (["check", "--mode", "compild"], "there is no mode 'compild'; did you mean compiled"),
        (["check", "--device", "cudda"], "there is no device 'cudda'; did you mean cuda"),
        (
            ["check", "--target", "torch:compiled", "--mode", "eager"],
            "torch:compiled says mode compiled, and --mode",
        ),
        (["try", "x.py:f", "--as", "x", "--mode", "graf"], "there is no mode 'graf'; did you mean graph"),
        (["compare", "torch", "torch:grph"], "there is no mode 'grph'; did you mean graph"),
        (["check", "--region", "zeros"], "there is no region 'zeros'; did you mean zero"),
        (["check", "--target", "torc"], "did you mean torch or tensorflow?"),
        (
            ["explain", "cosine_similarity"],
            "is ambiguous: write tf.keras.losses.cosine_similarity or torch.nn.f",
        ),
        (
            ["explain", "torch.nn.TripletMarginLoss"],
            "is not covered; 'lossproof specs' lists the APIs that are",
        ),
        (["check", "--api", "torch.nn.TripletMarginLoss"], "is not covered"),
        (["try", "x.py:f", "--as", "torch.nn.TripletMarginLoss"], "x.py: no such file"),
        (["explain", "torch.nn.CosineSimilarit"], "torch.nn.CosineSimilarity"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_name(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "run")] if arguments[0] == "check" else []
    assert run([*arguments, *out]) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1, error
    assert words in error
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_refused_before_anything_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").write_text("three years of work")
    monkeypatch.setattr("lossproof.conformance.runs.run.judge_targets", None)  # not to be called
    assert run(["check", *FEW, "--out", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@mlx
def test_exit_codes_follow_fail_on_severity_and_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [*FEW, "--property", "dtype", "--property", "training"]
    first = tmp_path / "first"
    assert run(["check", *few, "--out", str(first)]) == 0  # all is in the ledger
    assert run(["check", *few, "--out", str(tmp_path / "b"), "--fail-on", "any"]) == 1
    assert run(["check", *few, "--out", str(tmp_path / "c"), "--fail-on", "never"]) == 0
    one = [*FEW, "--property", "configuration", "--property", "signature"]
    capsys.readouterr()
    code = run(
        ["check", *one, "--out", str(tmp_path / "d"), "--fail-on", "any", "--severity", "S1", "--json"]
    )
    summary = json.loads(capsys.readouterr().out)
    assert isinstance(summary, dict)
    assert code in (0, 1)
    assert run(["check", *few, "--out", str(tmp_path / "e"), "--baseline", str(first)]) == 0
    assert run(["check", *few, "--out", str(tmp_path / "f"), "--baseline", str(tmp_path / "none")]) == 2


@mlx
def test_a_run_is_the_same_again_and_a_selection_is_a_part_of_it(tmp_path: Path) -> None:
    def rows(name: str, *more: str) -> dict[tuple[str, ...], dict[str, object]]:
        assert run(["check", *FEW, "--out", str(tmp_path / name), "--fail-on", "never", *more]) == 0
        table = reports.read_run(tmp_path / name).results.drop(columns="seconds")
        keys = ("target", "api", "property", "region", "dtype", "variant")
        return {tuple(str(r[k]) for k in keys): r for r in json.loads(table.to_json(orient="records"))}

    properties = ("--property", "sign", "--property", "zero_vector", "--property", "shape")
    whole = rows("whole", *properties)
    assert rows("second", *properties) == whole
    assert rows("turned", *properties[4:], *properties[2:4], *properties[:2]) == whole
    part = rows("part", "--property", "zero_vector", "--api", "mlx*")
    assert part
    assert all(whole[key] == row for key, row in part.items())


def children(pid: int) -> list[int]:
    return [
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and f"\nPPid:\t{pid}\n" in _status(p)
    ]


def _status(process: Path) -> str:
    try:
        return (process / "status").read_text()
    except OSError:
        return ""


@mlx
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds the workers through /proc")
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(which: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    # A shell's background job starts with SIGINT ignored.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from lossproof.conformance.cli.main import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "check", "--target", "mlx", "--out", str(tmp_path / "run")]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    )
    deadline = time.monotonic() + 60
    while not (workers := children(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers, "no worker was started"
    time.sleep(0.5)
    running.send_signal(which)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130, error
    assert "nothing was written" in error
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "tmp").iterdir())
    assert not [
        w for w in workers if "State:\tZ" not in _status(Path(f"/proc/{w}")) and _status(Path(f"/proc/{w}"))
    ]


@mlx
def test_a_full_disk_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    """No file may grow beyond 8 kB, less than the page needs: writing fails in the middle of the run folder."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))\n"
        "from lossproof.conformance.cli.main import main; main(sys.argv[1:])"
    )
    out = tmp_path / "run"
    command = [sys.executable, "-c", code, "check", *FEW, "--property", "dtype", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 1), done.stderr
    assert "File too large" in done.stderr
    assert not out.exists()
    assert not list(tmp_path.iterdir())


def test_a_bare_lossproof_prints_its_help_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    told = capsys.readouterr()
    assert run(["--help"]) == 0
    assert told.err == capsys.readouterr().out
    assert len(told.err.splitlines()) > 20
    assert max(map(len, told.err.splitlines())) <= 80
    assert told.out == ""


def test_no_suggestion_comes_twice_and_none_is_unrelated() -> None:
    from lossproof.conformance.model.suggestions import nearest, unknown_api

    assert nearest("torc", ["torch", "torch", "mlx"]) == "did you mean torch?"
    known = ["torch.nn.CosineEmbeddingLoss", "torch.nn.CosineSimilarity", "keras.losses.CosineSimilarity"]
    assert "did you mean torch.nn.CosineSimilarity or keras" in unknown_api("torch.CosineSimilarity", known)
    for other in ("torch.nn.TripletMarginLoss", "torch.nn.CTCLoss", "HingeEmbeddingLoss", "torch.nn.MSELoss"):
        assert "Cosine" not in unknown_api(other, known)


@mlx
def test_a_selection_without_cells_is_told_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    few = ["--property", "weights", "--region", "zero"]
    assert run(["check", *FEW, *few, "--out", str(out)]) == 2
    assert "no cell matches --property weights --region zero" in capsys.readouterr().err
    assert not out.exists()


@mlx
def test_dtype_and_region_narrow_a_run_and_are_kept_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, few = tmp_path / "run", ["--dtype", "float16", "--region", "zero", "--region", "ordinary"]
    few += ["--property", "zero_vector", "--property", "sign", "--fail-on", "never"]
    assert run(["check", *FEW, *few, "--out", str(out)]) == 0
    done = reports.read_run(out)
    assert set(done.results["dtype"]) == {"float16"}
    assert set(done.results["region"]) == {"zero", "ordinary"}
    assert "broken" not in set(done.claims["verdict"])
    assert done.run["dtypes"] == ["float16"]
    assert done.run["regions"] == ["zero", "ordinary"]
    assert done.run["properties"] == ["zero_vector", "sign"]
    capsys.readouterr()
    more = ["--property", "sign", "--dtype", "float16", "--dtype", "float32", "--region", "ordinary"]
    assert run(["check", *FEW, *more, "--out", str(tmp_path / "more"), "--baseline", str(out)]) == 0
    assert "was asked --property zero_vector --property sign --dtype float16" in capsys.readouterr().err
