"""The adapters of the real frameworks that are installed beside the tool."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jinja2
import ml_dtypes
import numpy as np
import pytest

from lossproof.conformance.targets.model import NotInstalled, Target, facts_of
from lossproof.conformance.targets.parse import installed, parse
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import UNSUPPORTED, Array, Question

X = np.array([[1, 4, 5], [5, 5, 7]])
Y = np.array([[3, 2, 5], [3, 2, 7]])
COSINE = (X * Y).sum(1) / np.sqrt((X * X).sum(1) * (Y * Y).sum(1))
SLOW = "torch.compile takes 20 s for its first function; set LOSSPROOF_SLOW=1"


@dataclass(frozen=True)
class Words:
    """How a framework says cosine: function, class, array names, sign, and what copies an array."""

    function: str
    kind: str | None
    names: tuple[str, str]
    sign: int
    copy: str
    copied: str


WORDS = {
    "torch": Words(
        "torch.nn.functional.cosine_similarity",
        "torch.nn.CosineSimilarity",
        ("x1", "x2"),
        1,
        "torch.clone",
        "input",
    ),
    "tensorflow": Words(
        "tf.keras.losses.cosine_similarity",
        "tf.keras.losses.CosineSimilarity",
        ("y_true", "y_pred"),
        -1,
        "tf.identity",
        "input",
    ),
    "keras": Words(
        "tf.keras.losses.cosine_similarity",
        "tf.keras.losses.CosineSimilarity",
        ("y_true", "y_pred"),
        -1,
        "keras.ops.stop_gradient",
        "variable",
    ),
    "mlx": Words(
        "mlx.nn.losses.cosine_similarity_loss", None, ("x1", "x2"), 1, "mlx.core.stop_gradient", "x"
    ),
}


def present() -> list[Target]:
    """The frameworks installed here, and Keras on PyTorch where both are."""
    found = [target for target in installed() if target.framework in WORDS]
    with contextlib.suppress(NotInstalled):
        found += parse("keras[torch]")
    return found


@pytest.fixture(scope="module", params=present(), ids=lambda target: target.name)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    target: Target = request.param
    log = tmp_path_factory.mktemp(target.framework) / "target.log"
    with Worker.start(target, log, timeout=120) as worker:
        yield worker


@pytest.fixture
def words(real: Worker) -> Words:
    return WORDS[real.info.framework]


def pair(words: Words, dtype: Any = np.float32, **how: Any) -> dict[str, Array]:
    return {name: Array.of(v.astype(dtype), **how) for name, v in zip(words.names, (X, Y), strict=True)}


def test_info_says_who_answers(real: Worker) -> None:
    info = real.info
    assert info.framework == real.target.framework
    assert info.version[0].isdigit()
    assert info.devices[0] == "cpu"
    assert {"eager", "compiled"} <= set(info.modes)
    assert real.target.own_mode == info.modes[0]
    if info.framework == "tensorflow":
        assert "keras" in info.companions
    if info.framework == "keras":
        assert info.backend == "torch"
        assert set(info.companions) == {"torch"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3, 4), (2, 3, 2)])
@pytest.mark.parametrize("layout", ["C", "transposed", "strided"])
def test_arrays_pass_bit_by_bit(
    real: Worker, words: Words, dtype: str, shape: tuple[int, ...], layout: Any
) -> None:
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    bits = np.random.default_rng(5).integers(0, 256, (*shape, kind.itemsize), np.uint8)
    values = np.frombuffer(bits.tobytes(), kind).reshape(shape).copy()
    if kind.name not in ("int32", "int64"):
        values[np.isnan(values)] = kind.type(-1.5)  # the payload of a NaN means nothing
    array = Array.of(values)
    asked = Array.of(values, layout=layout)
    answer = real.ask(Question(words.copy, {words.copied: asked}, positional=True))
    assert answer.value == array, answer
    assert answer.changed == ()


@pytest.mark.parametrize("mode", ["eager", "compiled", "graph"])
@pytest.mark.parametrize("verb", ["call", "grad"])
@pytest.mark.parametrize("positional", [False, True])
def test_every_mode_has_value_and_gradient(
    real: Worker, words: Words, mode: str, verb: Any, positional: bool
) -> None:
    how: dict[str, Any] = {"mode": mode, "verb": verb, "wrt": words.names[0], "positional": positional}
    question = Question(words.function, pair(words, np.float64), **how)
    if mode not in real.info.modes:
        answer = real.ask(question)
        assert answer.error is not None
        assert answer.error.type == "lossproof_worker.Unsupported"
        return
    if mode == "compiled" and real.info.backend == "torch" and not os.environ.get("LOSSPROOF_SLOW"):
        pytest.skip(SLOW)
    answer = real.ask(question)
    assert answer.value is not None, answer
    norm = np.sqrt((X * X).sum(1) * (Y * Y).sum(1))[:, None]
    slope = Y / norm - COSINE[:, None] * X / (X * X).sum(1)[:, None]
    np.testing.assert_allclose(
        answer.value.numpy(), words.sign * (COSINE if verb == "call" else slope), rtol=1e-5
    )


def test_a_device_that_is_not_there_is_unsupported(real: Worker, words: Words) -> None:
    assert real.info.devices == ("cpu",)  # workers see no GPU unless a target names it
    error = real.ask(Question(words.function, pair(words), device="cuda")).error
    assert error is not None
    assert error.declined, error
    assert "device cuda" in error.message


def test_a_class_is_constructed_and_called(real: Worker, words: Words) -> None:
    if words.kind is None:
        assert real.info.framework == "mlx"
        return
    answer = real.ask(Question(words.kind, pair(words), init={}, positional=True))
    assert answer.value is not None
    expected = COSINE if real.info.framework == "torch" else -COSINE.mean()
    np.testing.assert_allclose(answer.value.numpy(), expected, rtol=1e-6)


def test_a_missing_api_names_the_nearest(real: Worker, words: Words) -> None:
    error = real.ask(Question(words.function[:-1])).error
    assert error is not None
    assert error.type == "lossproof_worker.ApiMissing"
    assert words.function.rsplit(".")[-1] in error.message


def test_an_error_of_the_framework_shows_no_path_of_this_machine(real: Worker, words: Words) -> None:
    arrays = pair(words) | {words.names[1]: Array.of(np.ones((5, 7), np.float32))}
    error = real.ask(Question(words.function, arrays)).error
    assert error is not None
    assert not error.type.startswith("lossproof_worker")
    assert not error.where.startswith("/")


def test_the_signature_is_found(real: Worker, words: Words) -> None:
    data = real.ask(Question(words.function, verb="probe", probe="signature")).data
    assert [item["name"] for item in data["parameters"]][:2] == list(words.names)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_snippets_of_a_script_give_the_answer_of_the_worker(
    real: Worker, words: Words, dtype: str
) -> None:
    snippets, modes = facts_of(real.info.framework).reproducer, facts_of(real.info.framework).reproducer.modes
    imports = jinja2.Template(snippets.imports).render(dtypes={dtype})
    parts = [imports, modes["eager"].setup, snippets.seed]
    rows = {"x": X.astype(dtype) / 3, "y": Y.astype(dtype)}  # thirds of float64 are no float32
    for name, value in rows.items():
        flat = [f"float.fromhex({float(v).hex()!r})" for v in value.ravel()]
        nested = [f"[{', '.join(flat[i : i + 3])}]" for i in (0, 3)]
        flat_text, text = (f"[{', '.join(items)}]" for items in (flat, nested))
        parts.append(
            jinja2.Template(f"{name} = {snippets.array}").render(
                values=text, flat=flat_text, dtype=dtype, shape="(2, 3)"
            )
        )
    parts.append(f"result = {modes['eager'].call}")
    parts.append(f"print([v.hex() for v in {snippets.to_list}])")
    words_of = {
        "function": facts_of(real.info.framework).spell(words.function),
        "arguments": "x, y",
        "seed": 1,
    }
    script = jinja2.Template("\n".join(parts)).render(words_of)
    backend = {"KERAS_BACKEND": real.target.backend} if real.target.backend else {}
    variables = dict(os.environ, **backend)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=variables, check=True
    )
    arrays = dict(zip(words.names, (Array.of(rows["x"]), Array.of(rows["y"])), strict=True))
    answer = real.ask(Question(words.function, arrays)).value
    assert answer is not None
    assert ast.literal_eval(done.stdout) == [float(v).hex() for v in answer.numpy()]


@pytest.fixture
def lesson() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    shapes = {"inputs": (8, 4), "targets": (8, 3), "weights": (4, 3)}
    return {name: Array.of(rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()}


def test_training_follows_the_sign_of_the_loss(real: Worker, words: Words, lesson: dict[str, Array]) -> None:
    answer = real.ask(Question(words.function, lesson, verb="probe", probe="fit", options={"steps": 3}))
    assert answer.outcome == "value", answer
    found = answer.data
    assert len(found["losses"]) == 3
    assert found["losses"][-1] < found["losses"][0]
    # Descending the similarity itself drives the pair apart; descending its negative brings it together.
    assert (found["cosine_after"] > found["cosine_before"]) == (words.sign < 0)


@pytest.fixture
def keras(real: Worker) -> Worker:
    if real.info.framework not in ("tensorflow", "keras"):
        pytest.skip("a probe of Keras")
    return real


@pytest.fixture
def tensorflow(real: Worker) -> Worker:
    if real.info.framework != "tensorflow":
        pytest.skip("a probe of TensorFlow")
    return real


def test_a_metric_in_compile_is_evaluated(keras: Worker, lesson: dict[str, Array]) -> None:
    asked: dict[str, Any] = {"verb": "probe", "probe": "metric_in_compile", "init": {}}
    answer = keras.ask(Question("tf.keras.metrics.CosineSimilarity", lesson, **asked))
    assert answer.outcome == "value", answer
    a = lesson["inputs"].numpy() @ lesson["weights"].numpy()
    b = lesson["targets"].numpy()
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert answer.data["values"][-1] == pytest.approx(cosine.mean(), rel=1e-5)


@pytest.mark.parametrize("within", ["scope", "run"])
def test_a_loss_is_called_under_a_strategy(tensorflow: Worker, words: Words, within: str) -> None:
    asked: dict[str, Any] = {"verb": "probe", "probe": "strategy", "options": {"within": within}}
    answer = tensorflow.ask(Question(str(words.kind), pair(words), init={"reduction": "sum"}, **asked))
    assert answer.outcome == "value", answer
    assert answer.data["values"] == pytest.approx(-COSINE.sum())


def test_a_graph_script_normalises_or_not(tensorflow: Worker) -> None:
    arrays = {"labels": Array.of(X.astype(np.float32)), "predictions": Array.of(Y.astype(np.float32))}
    asked: dict[str, Any] = {"verb": "probe", "probe": "graph_script", "options": {"axis": 1}}
    answer = tensorflow.ask(Question("tf.compat.v1.losses.cosine_distance", arrays, **asked))
    assert answer.data["as_given"]["values"] == 1 - (X * Y).sum(1).mean()
    assert answer.data["normalised"]["values"] == pytest.approx(1 - COSINE.mean(), rel=1e-5)


def test_a_metric_of_keras_3_is_declined_in_a_sessions_graph(tensorflow: Worker, words: Words) -> None:
    """It reads its variables before the graph has updated them: 0, whatever the vectors."""
    question = Question("tf.keras.metrics.CosineSimilarity", pair(words), init={}, mode="graph")
    answer = tensorflow.ask(question)
    if int(tensorflow.info.companions["keras"].split(".")[0]) < 3:
        assert answer.value is not None, answer
    else:
        assert answer.error is not None, answer
        assert (answer.error.type, "Keras 3" in answer.error.message) == (UNSUPPORTED, True)
