"""The console script. The standard library is enough to import it, so it can name the packages that are missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

SUITE = {
    "click": "click",
    "hypothesis": "hypothesis",
    "jinja2": "jinja2",
    "markupsafe": "markupsafe",
    "packaging": "packaging",
    "pandas": "pandas",
    "platformdirs": "platformdirs",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "pytest": "pytest",
    "yaml": "pyyaml",
    "rich": "rich",
    "ruamel.yaml": "ruamel.yaml",
    "uv": "uv",
}
"""The packages of the extra `suite`, by the module that each installs; a test compares them with pyproject.toml."""
USAGE = 2


def main() -> None:
    """Run the command line; without the packages of the suite, say in one line how to get them, and exit with 2."""
    missing = [package for module, package in SUITE.items() if not _is_installed(module)]
    if missing:
        packages = " ".join(missing)
        sys.exit(
            _refuse(f"the command needs packages of the extra 'suite': python -m pip install {packages}")
        )
    from lossproof.conformance.cli.main import main as command_line  # needs click

    command_line()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _refuse(why: str) -> int:
    print(f"lossproof: {why}", file=sys.stderr)
    return USAGE
