"""The comments at the top of a script: the fault, the documentation that tells it, and what is known of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from lossproof.reports import words
from lossproof.reports.reproducers.quoting import plain
from lossproof.reports.reproducers.templating import Code

_WIDTH = 100


def comments(finding: Mapping[str, Any]) -> list[Code]:
    """The head of the script: what is wrong, what the documentation says and where, what is known of it."""
    expected = finding["expected"]
    if version := finding.get("recorded"):
        lines = [
            finding["slug"], "", f"Asks for the answer that {version} gave when it was compared.", "",
            "Exits 0 while that answer comes, 1 once another one does, and 2 where the question could not be asked.",
        ]  # fmt: skip
        return [piece for line in lines for piece in _comment(line)]
    versions = f"{finding['framework']} {finding['version']}"
    lines = [f"{finding['slug']}: {finding['title']}", ""]
    if says := expected.get("says"):
        lines.append(f"The documentation says: {says}")
    lines += [f"The documentation also says: {statement}" for statement in finding.get("statements") or ()]
    lines += [
        f"{name}: {text}"
        for name, text in (
            ("Citation", finding["citation"]),
            ("It behaves so", words.behaves_as(finding["behaves_as"])),
            ("Reason", finding["reason"]),
            ("Upstream", finding["upstream"]),
        )
        if text
    ]
    lines.append(f"Seen with {versions} ({finding['severity']}, {words.label(finding['kind'])}).")
    lines += ["", f"Needs only {finding['framework']}. Prints what is expected and what is observed;"]
    lines.append("exits 1 while they differ, 0 once they agree, and 2 where the question could not be asked.")
    return [piece for line in lines for piece in _comment(line)]


def _comment(text: str) -> list[Code]:
    lines = textwrap.wrap(
        plain(text), _WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return [Code(f"# {line}".rstrip()) for line in lines or [""]]
