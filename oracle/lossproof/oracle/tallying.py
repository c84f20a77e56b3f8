"""Millions of answers judged in blocks, by threads if asked, within three times the memory of their inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lossproof.oracle.arithmetic.rows import plain
from lossproof.oracle.enclosure import Enclosure
from lossproof.oracle.errors import shown
from lossproof.oracle.formats import format_of
from lossproof.oracle.rounding import GRADES, NARROW, graded
from lossproof.oracle.scores.cosine import cosine
from lossproof.oracle.surveying import Block, Question, tallied
from lossproof.oracle.tallies import Tally

BLOCK_VALUES = 1 << 18
"""Elements of the largest input in a block, by default: as much as a cache holds."""
MOST_ROWS = 1 << 13
"""Rows of a block, by default: what is kept of a row is more than a short one holds."""
ROWWISE = ("none", "sum")
"""Reductions that leave each row's gradient its own."""


def tally(
    answers: ArrayLike | Iterable[tuple[ArrayLike, ...]],
    *inputs: ArrayLike,
    formula: Callable[..., Enclosure] = cosine,
    dtype: object = None,
    grade: str = "G2",
    grades: Iterable[str] | None = None,
    worst: int = 10,
    threads: int = 1,
    rows_per_block: int | None = None,
    first_row: int = 0,
    **parameters: Any,
) -> Tally:
    """Count answers by grade and by error in ulp, and find the worst, in blocks of rows.

    `tally(answers, x, y)` takes whole arrays, memory-mapped ones too; `tally(blocks)` an iterable of such tuples, of
    which no more are held than threads work on. The result depends neither on the size of the blocks nor on the
    number of threads.

    Args:
        answers: what was computed, of the formula's shape; its first axis counts the rows. Any dtype of the oracle.
        inputs: the formula's arrays, in its order and of its dtypes. Each has as many rows as the answers; one of a
            single row, or a number, is every row's.
        formula: `cosine`, `cosine_embedding`, `contrastive` or the gradient of one.
        dtype: that of the computation; by default the answers', which must be a float dtype then.
        grade: the grade whose bound the worst answers are measured by.
        grades: the grades to count; by default all that the dtype has. Fewer cost less.
        worst: how many of the worst answers to keep. Of equal ones the first are kept.
        threads: blocks judged at the same time.
        rows_per_block: by default what fits a cache.
        first_row: the number of the first row, for tallies that are to be added.
        parameters: the formula's own, such as `norm_rule` and `eps`.

    Raises:
        ValueError: the arrays do not fit; the message names the rows. A gradient with weights, or divided by a count
            (`reduction="mean"`), is none of each row.
        UnsupportedInput: arrays of a kind that the oracle does not judge.
    """
    _at_least(0, worst=worst, first_row=first_row)
    _at_least(1, threads=threads, rows_per_block=1 if rows_per_block is None else rows_per_block)
    if parameters.get("weights") is not None or parameters.get("reduction", "none") not in ROWWISE:
        raise ValueError(
            f"weights and reduction={shown(parameters.get('reduction'))} join rows; allowed: no weights, and "
            f"the reductions {' and '.join(ROWWISE)}"
        )
    blocks: Iterator[Any] = iter([(answers, *inputs)]) if inputs else _iterated(answers)
    first = next(blocks, None)
    if first is None:
        raise ValueError("there is no block; give answers and inputs, or an iterable of such tuples")
    if dtype is None:
        dtype = str(plain("answers", first[0]).dtype)
    fmt = graded(format_of(dtype), grade)
    question = Question(formula, parameters, fmt, grade, _grades(fmt.name, grades), worst)
    return _added(question, _pieces(chain([first], blocks), question, rows_per_block, first_row), threads)


def _added(question: Question, pieces: Iterator[Block], threads: int) -> Tally:
    """The tally of all blocks; the worst so far spare later ones what cannot come among them."""
    total, running = question.nothing, deque[Future[Tally]]()
    with ThreadPoolExecutor(threads) as pool:
        for piece in pieces:
            if len(running) == threads:
                total += running.popleft().result()
            running.append(pool.submit(_judged, question, piece, _floor(total)))
            del piece
        for future in running:
            total += future.result()
    return total


def _judged(question: Question, block: Block, floor: float) -> Tally:
    """`tallied`, whose errors name the rows."""
    try:
        return tallied(question, block, floor)
    except ValueError as error:
        last = block.first + len(block.answers) - 1
        raise type(error)(f"rows {block.first} to {last}: {error}") from error


def _floor(total: Tally) -> float:
    """The ratio that an answer must reach to come among the worst."""
    full = total.kept and len(total.worst) == total.kept
    return total.worst[-1].error_over_bound if full else 0.0


def _pieces(
    blocks: Iterable[Sequence[ArrayLike]], question: Question, rows_per_block: int | None, first: int
) -> Iterator[Block]:
    """The blocks that are judged, cut from those that were given."""
    for given in blocks:
        block = _checked(given, question, first)
        count = len(block.answers)
        step = rows_per_block or _rows_per_block(block)
        for start in range(0, count, step):
            yield block.some(slice(start, min(start + step, count)))
        first += count


def _checked(given: Sequence[ArrayLike], question: Question, first: int) -> Block:
    """Arrays whose rows belong together; ValueError where they do not."""
    if not isinstance(given, (tuple, list)) or len(given) < 2:
        raise ValueError(
            f"a block is {shown(given)}; allowed: a tuple of the answers and the formula's arrays"
        )
    answers, *inputs = (plain("answers" if i == 0 else f"input {i}", v) for i, v in enumerate(given))
    if answers.ndim == 0:
        raise ValueError("answers is 0-d; its first axis must count the rows")
    count = len(answers)
    for number, array in enumerate(inputs, 1):
        if array.ndim and len(array) not in (1, count):
            raise ValueError(
                f"from row {first} on, input {number} has {len(array)} rows, the answers have {count}; "
                "one row, for all of them, is allowed too"
            )
    _ranks([v.ndim for v in inputs], question)
    return Block(first, answers, tuple(inputs))


def _ranks(ranks: list[int], question: Question) -> None:
    """Refuse what would broadcast, or reduce, along the rows: a block would then not be one."""
    allowed = (ranks[0], ranks[0], ranks[0] - 1)
    for number, (rank, wanted) in enumerate(zip(ranks, allowed, strict=False), 1):
        if rank not in (0, wanted):
            raise ValueError(
                f"input {number} has {rank} axes; allowed: {wanted}, the first of which counts the rows"
            )
    axis = question.parameters.get("axis")
    if axis in (0, -ranks[0]):
        raise ValueError(f"axis={axis} is that of the rows; allowed: the others")


def _rows_per_block(block: Block) -> int:
    each = max((v.size // max(len(block.answers), 1) for v in (block.answers, *block.inputs)), default=1)
    return min(MOST_ROWS, max(1, BLOCK_VALUES // max(each, 1)))


def _iterated(blocks: object) -> Iterator[Any]:
    if isinstance(blocks, np.ndarray) or not isinstance(blocks, Iterable):
        raise ValueError(
            f"answers alone, a {type(blocks).__name__}, cannot be judged; allowed: answers with their inputs, or an "
            "iterable of such tuples"
        )
    return iter(blocks)


def _grades(dtype: str, given: Iterable[str] | None) -> tuple[str, ...]:
    """The grades to count, the best first."""
    if given is None:
        return GRADES if dtype in NARROW else GRADES[:3]
    wanted = {given} if isinstance(given, str) else set(given)
    for name in wanted:
        graded(format_of(dtype), name)
    if not wanted:
        raise ValueError(f"grades is empty; allowed: {', '.join(GRADES)}")
    return tuple(name for name in GRADES if name in wanted)


def _at_least(minimum: int, **given: object) -> None:
    for name, value in given.items():
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or int(value) < minimum:  # type: ignore[call-overload]
            raise ValueError(f"{name}={shown(value)}; allowed: whole numbers from {minimum} on")
