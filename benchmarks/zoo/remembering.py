"""Mutants of one base, and releases of one package, are asked the same questions: what the oracle says of them is
worked out once.

Only functions of their arguments are remembered, so no verdict changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging import comparison, executor
from lossproof.conformance.judging import outcome as properties
from lossproof.conformance.judging.comparison import Judged
from lossproof.conformance.judging.expectation import Expected
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.questions.batches import Batch
from lossproof.conformance.workers.protocol import Answer


class Memory:
    """The answers of the oracle so far."""

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}
        self._kept: list[Any] = []  # objects known by their id must stay
        self._digests: dict[int, bytes] = {}
        """of the arrays of batches that are drawn once, by their id"""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within, the functions that judge an answer look here first."""
        by_identity = ((comparison, "_allowed"), (properties, "grade"), (properties, "ulps"))
        by_value = (
            (executor, "batches", self._batches),
            (executor, "judge_answer", self._judge_answer),
            (comparison, "expect", self._expect),
        )
        with ExitStack() as stack:
            for module, name, remembered in by_value:
                stack.enter_context(patch.object(module, name, remembered(getattr(module, name))))
            for module, name in by_identity:
                stack.enter_context(patch.object(module, name, self._of_objects(name, getattr(module, name))))
            yield

    def _batches(self, draw: Callable[..., Iterator[Batch]]) -> Callable[..., list[Batch]]:
        def drawn(subject: Subject, *words: Any) -> list[Batch]:
            key = ("batches", *_page(subject), *words)
            if key not in self._found:
                self._found[key] = list(draw(subject, *words))
                self._digests.update((id(b.arrays), digest(b.arrays)) for b in self._found[key])
            return list(self._found[key])

        return drawn

    def _expect(self, expect: Callable[..., Expected]) -> Callable[..., Expected]:
        def expected(
            subject: Subject, arrays: Any, options: Any, override: Any = None, wrt: str = ""
        ) -> Expected:
            key = ("expect", *_page(subject), self._digest(arrays), _words(options), _words(override), wrt)
            if key not in self._found:
                try:
                    self._found[key] = expect(subject, arrays, options, override, wrt)
                except (Undocumented, ValueError) as error:
                    self._found[key] = error
            found = self._found[key]
            if isinstance(found, Exception):
                raise found
            expected_: Expected = found
            return expected_

        return expected

    def _judge_answer(self, judged_by: Callable[..., Judged]) -> Callable[..., Judged]:
        def judged(
            subject: Subject, arrays: Any, options: Any, answer: Answer, override: Any, flush: bool, wrt: str
        ) -> Judged:
            question = (*_page(subject), self._digest(arrays), _words(options), _words(override), flush, wrt)
            said = (answer.outcome, answer.value, answer.type, answer.note, answer.error)
            key = ("judge_answer", question, said)
            if key not in self._found:
                self._found[key] = judged_by(subject, arrays, options, answer, override, flush, wrt)
            found: Judged = self._found[key]
            return found

        return judged

    def _of_objects(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(first: Any, *more: Any) -> Any:
            many = isinstance(first, (list, tuple))
            key = (name, *map(id, first), *more) if many else (name, id(first), *more)
            if key not in self._found:
                self._kept.append(first)
                self._found[key] = function(first, *more)
            return self._found[key]

        return called

    def _digest(self, arrays: Mapping[str, Any]) -> bytes:
        return self._digests.get(id(arrays)) or digest(arrays)


def digest(arrays: Mapping[str, Any]) -> bytes:
    """A digest of names, dtypes, shapes and bytes."""
    parts = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        values = np.ascontiguousarray(array)
        parts.update(f"{name} {values.dtype} {np.shape(array)} ".encode() + values.tobytes())
    return parts.digest()


def _page(subject: Subject) -> tuple[str, str]:
    """The facts of a subject that the judge uses: nothing of its target enters a verdict on an answer."""
    return subject.api, subject.edition.slug


def _words(options: Mapping[str, Any] | None) -> str:
    return repr(sorted((options or {}).items()))
