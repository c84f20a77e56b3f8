"""Modes and devices: what an adapter executes is asked under the name of a mode only where that mode was used."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.targets.model import NotInstalled, Target
from lossproof.conformance.targets.parse import parse
from lossproof.conformance.usercode.code import parse_code, place
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import UNSUPPORTED, Answer, Array, Question, Verb

from .conftest import FAKES, PAIR

CODE = {
    "torch": ("torch.nn.functional.cosine_similarity", FAKES / "own" / "compiled_torch.py"),
    "tensorflow": ("tf.keras.losses.cosine_similarity", FAKES / "own" / "compiled_tensorflow.py"),
    "mlx": ("mlx.nn.losses.cosine_similarity_loss", FAKES / "own" / "compiled_mlx.py"),
}
SLOW = "torch.compile takes seconds for each shape; set LOSSPROOF_SLOW=1"


def runs(worker: Worker) -> int:
    """How often compiled code was entered."""
    return int(worker.ask(Question("any.name", verb="probe", probe="compiled_runs")).data)


def refused(answer: Answer) -> str:
    """Why a question is unsupported; fails where it was answered."""
    assert answer.error is not None, answer
    assert answer.error.type == UNSUPPORTED, answer.error
    return answer.error.message


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    target = Target("fake", "fake", Path(sys.executable), FAKES / "modes_adapter.py")
    with Worker.start(target, tmp_path_factory.mktemp("modes") / "log") as worker:
        yield worker


def test_a_worker_tells_its_modes_and_devices(fake: Worker, worker: Worker) -> None:
    assert fake.info.modes == ("eager", "counted", "silent", "refused")
    assert fake.info.devices == ("cpu", "other")
    assert worker.info.devices == ("cpu",)


@pytest.mark.parametrize("options", [{}, {"axis": 0}])
@pytest.mark.parametrize("positional", [False, True])
@pytest.mark.parametrize("form", ["tensor", "list"])
def test_a_mode_gives_the_answer_of_the_same_call(
    fake: Worker, about: Callable[..., Question], options: dict[str, Any], positional: bool, form: str
) -> None:
    question = about("cosine_similarity", form=form, options=options, positional=positional)
    before = runs(fake)
    counted = fake.ask(replace(question, mode="counted"))
    assert runs(fake) == before + 1
    assert counted.value is not None
    assert counted.value == fake.ask(question).value


def test_a_fall_back_is_unsupported(fake: Worker, about: Callable[..., Question]) -> None:
    answer = fake.ask(about("cosine_similarity", mode="silent"))
    assert "fell back to eager execution" in refused(answer)


def test_a_function_that_cannot_be_compiled_is_unsupported(
    fake: Worker, about: Callable[..., Question]
) -> None:
    assert refused(fake.ask(about("cosine_similarity", mode="refused"))) == "a loop cannot be compiled"


def test_an_error_in_a_mode_is_the_target_s_own(fake: Worker, about: Callable[..., Question]) -> None:
    answer = fake.ask(about("raising", mode="counted"))
    assert answer.error is not None
    assert not answer.error.declined


def test_an_unknown_mode_names_the_others(fake: Worker, about: Callable[..., Question]) -> None:
    assert "eager and counted" in refused(fake.ask(about("cosine_similarity", mode="xla")))


def test_arrays_are_moved_to_the_device(fake: Worker) -> None:
    question = Question(
        "numpy.add", {"x1": Array.of(PAIR["x1"]), "x2": Array.of(PAIR["x2"])}, positional=True
    )
    here, there = fake.ask(question).value, fake.ask(replace(question, device="other")).value
    assert here is not None
    assert there is not None
    np.testing.assert_array_equal(there.numpy(), -here.numpy())


def test_a_device_that_is_not_there_is_unsupported(
    fake: Worker, worker: Worker, about: Callable[..., Question]
) -> None:
    question = about("cosine_similarity", device="cuda")
    assert refused(fake.ask(question)) == "this machine has no device cuda"
    assert "cpu alone" in refused(worker.ask(question))


@contextmanager
def started(framework: str, function: str, folder: Path, **env: str) -> Iterator[tuple[Worker, Question]]:
    """A worker with a user's function in the place of the framework's cosine, and the question about it."""
    api, file = CODE[framework]
    try:
        parse(framework)
    except NotInstalled:
        pytest.skip(f"needs {framework}")
    target = place(parse_code(f"{file}:{function}"), api, arrays="framework").target
    target = replace(target, env={**target.env, **env})
    with Worker.start(target, folder / "log", timeout=120) as worker:
        parameters = worker.ask(Question(api, verb="probe", probe="load")).data["takes"]["call"]
        names = [name for name, _, may_be_left_out in parameters if not may_be_left_out]
        arrays = {name: Array.of(value) for name, value in zip(names, PAIR.values(), strict=True)}
        yield worker, Question(api, arrays, mode="compiled", wrt=names[0])


@pytest.mark.parametrize("framework", CODE)
def test_compiled_code_ran(framework: str, tmp_path: Path) -> None:
    verbs: list[Verb] = ["call", "grad"]
    with started(framework, "cosine", tmp_path) as (worker, question):
        for verb in verbs:
            before = runs(worker)
            eager = worker.ask(replace(question, verb=verb, mode="eager"))
            assert runs(worker) == before
            compiled = worker.ask(replace(question, verb=verb))
            assert runs(worker) > before
            assert eager.value is not None, eager
            assert compiled.value is not None, compiled
            np.testing.assert_allclose(compiled.value.numpy(), eager.value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("framework", "function", "reason"),
    [
        ("torch", "breaks_the_graph", "torch.compile makes no single graph of it"),
        ("torch", "runs_eagerly", "torch.compile makes no single graph of it"),
        ("tensorflow", "switches_it_off", "tf.function is switched off"),
        ("mlx", "switches_it_off", "mx.compile is switched off"),
    ],
)
def test_what_does_not_run_compiled_is_unsupported(
    framework: str, function: str, reason: str, tmp_path: Path
) -> None:
    with started(framework, function, tmp_path) as (worker, question):
        assert worker.ask(replace(question, mode="eager")).value is not None
        assert reason in refused(worker.ask(question))
        assert runs(worker) == 0


def test_a_compiler_that_is_switched_off_is_unsupported(tmp_path: Path) -> None:
    with started("torch", "cosine", tmp_path, TORCHDYNAMO_DISABLE="1") as (worker, question):
        assert "fell back to eager execution" in refused(worker.ask(question))


@pytest.mark.skipif(not os.environ.get("LOSSPROOF_SLOW"), reason=SLOW)
def test_more_shapes_than_torch_keeps_run_compiled(tmp_path: Path) -> None:
    with started("torch", "cosine", tmp_path) as (worker, question):
        for length in range(2, 14):
            arrays = {name: Array.of(np.ones((2, length), np.float32)) for name in question.arrays}
            before = runs(worker)
            answer = worker.ask(replace(question, arrays=arrays))
            assert answer.value is not None, answer
            assert runs(worker) == before + 1
