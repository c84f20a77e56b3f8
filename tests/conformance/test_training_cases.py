"""Cases about training: where a step down the loss moves a pair, by its gradient and by a probe of the framework."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from lossproof.conformance.workers.protocol import Answer, Array

from .test_cases import array, diverging, error, stood


def test_moves() -> None:
    """x = (3, 4), y = (4, 3): along (4, -3), which is orthogonal to x, the cosine with y grows."""
    down = array([[-4, 3]])  # minus the gradient of a loss that grows with the distance
    asked: dict[str, Any] = {"ask": "descend", "property": "training"}
    assert stood(down, expect={"moves": "closer"}, **asked).verdict == "conforms"
    assert diverging(stood(down, expect={"moves": "apart"}, **asked), "training", "moves closer, not apart")
    up = array([[4, -3]])
    assert stood(up, expect={"moves": "apart"}, **asked).verdict == "conforms"
    assert diverging(stood(up, expect={"moves": "closer"}, **asked), "training", "moves apart")
    still = array([[0, 0]])
    assert diverging(stood(still, expect={"moves": "closer"}, **asked), "training", "moves nowhere")
    assert diverging(
        stood(error("RuntimeError"), expect={"moves": "closer"}, **asked), "training", "no gradient"
    )


def test_moves_of_a_gradient_in_bfloat16() -> None:
    down = Answer("value", Array.of(np.asarray([[-4, 3]], ml_dtypes.bfloat16)))
    assert stood(down, ask="descend", expect={"moves": "closer"}).verdict == "conforms"


def test_the_digits_and_movement_of_a_probe() -> None:
    fit: dict[str, Any] = {"ask": "fit", "property": "training"}
    moved = Answer("value", data={"cosine_before": 0.5, "cosine_after": 0.75})
    assert stood(moved, expect={"moves": "closer"}, **fit).verdict == "conforms"
    assert diverging(stood(moved, expect={"moves": "apart"}, **fit), "training")
    script: dict[str, Any] = {"ask": "script"}
    assert (
        stood(Answer("value", data={"value": [0.9649]}), expect={"printed": ["0.96"]}, **script).verdict
        == "conforms"
    )
    assert diverging(
        stood(Answer("value", data=[0.98]), expect={"printed": ["0.96"]}, **script), "documentation"
    )
