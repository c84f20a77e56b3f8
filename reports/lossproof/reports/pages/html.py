"""report.html: one file that needs nothing else, readable without scripts, safe with hostile text.

Everything shown is escaped by jinja2. A content security policy allows the page's own style and its own
small filter script (by their digests) and nothing else, so that text could do no harm even if it were not
escaped.
"""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from lossproof.reports.pages.context import context, link
from lossproof.reports.pages.templating import environment
from lossproof.reports.run import Run
from lossproof.reports.templating import source


def html(run: Run) -> str:
    """The page of a run, as text (UTF-8 declared). The same run gives the same text."""
    style, script = source("report.css"), source("report.js")
    page = environment(escape=True).get_template("report.html.j2")
    return page.render(
        **context(run),
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
        link=link,
    )


def _digest(text: str) -> str:
    """The digest of an inline element as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
