"""The small changes that are made to a module's syntax tree, one at a time.

The operators are the customary ones (DeMillo, Lipton and Sayward, "Hints on test data selection", Computer 11(4),
1978; Offutt et al., ACM TOSEM 5(2), 1996): another relation, another arithmetic, logical or bitwise operator, a
constant off by one, a condition negated, a statement left out. What no run can notice is left alone: annotations,
docstrings, messages of exceptions, `__all__`, and code that only type checkers read.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
    ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.And: "and", ast.Or: "or",
}  # fmt: skip
UNNOTICED = ("__all__", "__slots__")


@dataclass(frozen=True)
class Operator:
    """A change to one node: its name in lists, and the node that it makes of a copy."""

    what: str
    apply: Callable[[Any], ast.AST]


@dataclass(frozen=True)
class Spot:
    """A place in the tree: the path to a node, the change there and its line."""

    path: tuple[tuple[str, int], ...]
    operator: Operator
    line: int
    function: str


@dataclass(frozen=True)
class Change:
    """One change to one module: the line as it stands (`source`), and which of the like on that line it is."""

    module: str
    source: str
    number: int
    spot: Spot

    @property
    def line(self) -> int:
        """The line's number."""
        return self.spot.line

    @property
    def function(self) -> str:
        """The function that the line stands in."""
        return self.spot.function

    @property
    def what(self) -> str:
        """The name of the change to the line."""
        return self.spot.operator.what

    @property
    def key(self) -> str:
        """Its name in a list of survivors: the same while the line reads the same, wherever it moves."""
        nth = f" #{self.number + 1}" if self.number else ""
        return f"{self.module}:{self.function}: {self.source} [{self.what}{nth}]"


def changes(module: str, text: str) -> list[Change]:
    """Every change to the text of a module, in the order of the lines."""
    lines, found, seen = text.splitlines(), [], dict[tuple[str, str, str], int]()
    for spot in sorted(_spots(ast.parse(text)), key=lambda s: s.line):
        source = lines[spot.line - 1].strip()
        same = (spot.function, source, spot.operator.what)
        number = seen[same] = seen.get(same, -1) + 1
        found.append(Change(module, source, number, spot))
    return found


def count(text: str) -> int:
    """The number of changes to a text."""
    return sum(1 for _ in _spots(ast.parse(text)))


def _spots(tree: ast.Module) -> Iterator[Spot]:
    yield from _walk(tree, (), "", None)


def _walk(
    node: ast.AST, path: tuple[tuple[str, int], ...], function: str, parent: ast.AST | None
) -> Iterator[Spot]:
    if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom) or _for_readers(node):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    line = getattr(node, "lineno", 0)
    for operator in _operators(node, parent):
        yield Spot(path, operator, line, function)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases", "keywords") and not (
            name == "keywords" and isinstance(node, ast.Call)
        ):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                yield from _walk(child, (*path, (name, i)), function, node)


def _for_readers(node: ast.AST) -> bool:
    """Docstrings and other bare strings, parts of f-strings, and blocks for type checkers."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(t, ast.Name) and t.id in UNNOTICED for t in targets)


def _operators(node: ast.AST, parent: ast.AST | None) -> Iterator[Operator]:
    """The changes that a node allows."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            nth = f", {i + 1}" if i else ""
            yield Operator(f"{_swapped(op)}{nth}", partial(_with_other_relation, nth=i))
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign):
        if type(node.op) in SWAPS and not _of_types(node):
            yield Operator(_swapped(node.op), _with_other_operator)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield Operator("sign dropped" if isinstance(node.op, ast.USub) else "not dropped", _operand)
    elif isinstance(node, ast.Constant) and not isinstance(parent, ast.Expr):
        if isinstance(node.value, int | float):
            yield Operator(f"{node.value} to {_next(node.value)}", _with_next_value)
    elif isinstance(node, ast.IfExp):
        yield Operator("condition negated", _negated)
    if isinstance(node, ast.If | ast.While):
        yield Operator("condition negated", _negated)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield Operator("call left out", _nothing)
    if isinstance(node, ast.AugAssign):
        yield Operator("assignment left out", _nothing)
    if isinstance(node, ast.Break | ast.Continue):
        yield Operator("jump left out", _nothing)


def _swapped(op: ast.AST) -> str:
    return f"{NAMES[type(op)]} to {NAMES[SWAPS[type(op)]]}"


def _next(value: float) -> float:
    return not value if isinstance(value, bool) else value + 1


def _of_types(node: ast.AST) -> bool:
    """Whether `a | b` is a union of types, as in isinstance(x, A | B)."""
    both = [getattr(node, "left", None), getattr(node, "right", None)]
    return isinstance(getattr(node, "op", None), ast.BitOr) and all(
        (isinstance(b, ast.Name) and (b.id[:1].isupper() or b.id in ("int", "float", "str", "bool")))
        or (isinstance(b, ast.Attribute) and b.attr[:1].isupper())
        or isinstance(b, ast.BinOp) or (isinstance(b, ast.Constant) and b.value is None)
        for b in both
    )  # fmt: skip


def changed(text: str, spot: Spot) -> ast.Module:
    """The syntax tree of a module's text with one change."""
    new = ast.parse(text)
    holder: ast.AST = new
    parent, name, index = holder, "", 0
    for name, index in spot.path:
        parent = holder
        value = getattr(parent, name)
        holder = value[index] if isinstance(value, list) else value
    made = spot.operator.apply(holder)
    value = getattr(parent, name)
    if isinstance(value, list):
        value[index] = made
    else:
        setattr(parent, name, made)
    return ast.fix_missing_locations(new)


# --- a node as it is after a change ---


def _negated(node: Any) -> ast.AST:
    node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
    return cast("ast.AST", node)


def _nothing(node: Any) -> ast.AST:
    return ast.copy_location(ast.Pass(), node)


def _operand(node: Any) -> ast.AST:
    return cast("ast.AST", node.operand)


def _with_other_relation(node: Any, nth: int) -> ast.AST:
    node.ops[nth] = SWAPS[type(node.ops[nth])]()
    return cast("ast.AST", node)


def _with_other_operator(node: Any) -> ast.AST:
    node.op = SWAPS[type(node.op)]()
    return cast("ast.AST", node)


def _with_next_value(node: Any) -> ast.AST:
    return ast.copy_location(ast.Constant(_next(node.value)), node)
