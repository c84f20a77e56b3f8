"""What the worker's process can import: the target's modules, never those that lie beside the worker's file."""

from __future__ import annotations

from collections.abc import Callable

from lossproof.conformance.messages import Answer


def test_modules_beside_the_worker_hide_no_others(ask: Callable[..., Answer]) -> None:
    names = ["session.Session", "results.Row", "judge.Judged", "fakes.echo"]
    answer = ask("echo", verb="probe", probe="resolve", options={"names": names})
    found = {name: entry["error"] for name, entry in zip(names, answer.data, strict=True)}
    assert not found.pop("fakes.echo")
    assert all("not installed" in error for error in found.values()), found
