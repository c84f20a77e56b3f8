"""report.md: the report in GitHub-flavoured markdown, compact, with every text of others escaped."""

from __future__ import annotations

import re

from lossproof.reports.pages.context import context, link
from lossproof.reports.pages.templating import environment
from lossproof.reports.run import Run


def markdown(run: Run) -> str:
    """The markdown of a run, as text. The same run gives the same text."""
    page = environment(escape=False).get_template("report.md.j2")
    text = page.render(**context(run), e=escape, code=code, link=link, fence=fence)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape(value: object) -> str:
    """`value` as literal text in one line: nothing in it is markup, HTML, a mention or a table's edge."""
    text = " ".join(_printable(str(value)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return re.sub(r"([\\`*_{}\[\]()#|~!])", r"\\\1", text)


def code(value: object) -> str:
    """`value` as a code span in one line, fit for a table; "" for an empty text."""
    text = " ".join(_printable(str(value)).split()).replace("|", "\\|")
    if not text:
        return ""
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: str) -> str:
    """A code fence longer than any in `text`."""
    return "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
