"""A memory of what the oracle said, for programs that judge many implementations by the same questions.

Functions whose result depends on their arguments alone are marked `remembered`. Nothing is kept until a program opens
a `Memory`; within it, each is called once for each key. No verdict depends on that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import Answer

P = ParamSpec("P")
T = TypeVar("T")


class Memory:
    """The results so far. One memory is for one process, one package and one backend."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Any] = {}
        self._kept: list[Any] = []  # what is known by its id must stay
        self._digests: dict[int, bytes] = {}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within, `remembered` functions look here first."""
        before = _IN_USE.set(self)
        try:
            yield
        finally:
            _IN_USE.reset(before)

    def recall(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """The result under a key, or the exception that came instead, worked out once."""
        if key not in self._found:
            try:
                self._found[key] = True, work_out()
            except Exception as error:
                self._found[key] = False, error
        fine, found = self._found[key]
        if not fine:
            raise found
        result: T = found
        return result

    def identity(self, *things: Any) -> tuple[int, ...]:
        """The ids of objects, which are kept so that no other has them."""
        self._kept.append(things)
        return tuple(map(id, things))

    def digest(self, arrays: Mapping[str, Any]) -> bytes:
        """The digest of arrays, worked out once for each mapping."""
        if id(arrays) not in self._digests:
            self._kept.append(arrays)
            self._digests[id(arrays)] = digest(arrays)
        return self._digests[id(arrays)]


_IN_USE: ContextVar[Memory | None] = ContextVar("memory", default=None)


def remembered(key: Callable[..., Hashable]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Mark a function of its arguments; `key`, given the memory and the arguments, says which calls are alike."""

    def marked(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def called(*args: P.args, **more: P.kwargs) -> T:
            memory = _IN_USE.get()
            if memory is None:
                return function(*args, **more)
            name = function.__module__, function.__qualname__
            return memory.recall((name, key(memory, *args, **more)), lambda: function(*args, **more))

        return called

    return marked


def digest(arrays: Mapping[str, Any]) -> bytes:
    """A digest of names, dtypes, shapes and bytes."""
    parts = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        values = np.ascontiguousarray(array)
        parts.update(f"{name} {values.dtype} {np.shape(array)} ".encode() + values.tobytes())
    return parts.digest()


# --- keys: which calls are alike ---


def of_question(
    memory: Memory,
    subject: Subject,
    arrays: Mapping[str, Any],
    options: Mapping[str, Any],
    override: Mapping[str, Any] | None = None,
    wrt: str = "",
) -> Hashable:
    """Calls about one page with equal arrays and options."""
    return *_page(subject), memory.digest(arrays), _words(options), _words(override), wrt


def of_answer(
    memory: Memory,
    subject: Subject,
    arrays: Mapping[str, Any],
    options: Mapping[str, Any],
    answer: Answer,
    override: Mapping[str, Any] | None = None,
    flush: bool = True,
    wrt: str = "",
) -> Hashable:
    """Calls with one question and equal answers."""
    said = answer.outcome, answer.value, answer.type, answer.note, answer.error
    return of_question(memory, subject, arrays, options, override, wrt), flush, said


def of_draw(memory: Memory, subject: Subject, *words: Hashable) -> Hashable:
    """Calls that draw for one page with equal words."""
    return *_page(subject), *words


def of_object(memory: Memory, thing: Any, *more: Hashable) -> Hashable:
    """Calls with the same object."""
    return *memory.identity(thing), *more


def of_objects(memory: Memory, things: Sequence[Any]) -> Hashable:
    """Calls with the same objects."""
    return memory.identity(*things)


def _page(subject: Subject) -> tuple[str, str]:
    """The facts of a subject that the judge uses: nothing of its target enters a verdict on an answer."""
    return subject.api, subject.edition.slug


def _words(options: Mapping[str, Any] | None) -> str:
    return repr(sorted((options or {}).items()))
