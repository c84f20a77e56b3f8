"""Pythons on this machine, by minor version: on PATH, under pyenv, else provided by uv."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lossproof.conformance.targets.installer import Progress, Uv
from lossproof.conformance.targets.model import UsageError

LOOK_SECONDS = 60.0
OLDEST = (3, 7)
"""The oldest Python that can run a worker."""
LOOK = """
import json, platform, re
try:
    from importlib import metadata
    found = [(d.metadata["Name"], d.version) for d in metadata.distributions()]
except ImportError:
    import pkg_resources
    found = [(d.project_name, d.version) for d in pkg_resources.working_set]
names = {re.sub("[-_.]+", "-", name).lower(): version for name, version in reversed(found) if name}
print(json.dumps({"python": platform.python_version(), "packages": names}))
"""
"""Runs in another interpreter and prints the normalised names and versions of its packages."""

ASK_SECONDS = 30.0


class NoPython(LookupError):  # noqa: N818
    """No interpreter of the wanted versions is here and none could be had; the message says what to do."""


def find(versions: Sequence[str], uv: Uv, progress: Progress) -> Path:
    """An interpreter of the first of `versions` ("3.8", ...) that is here, else one that uv can provide.

    Raises NoPython.
    """
    for version in versions:
        python = here(version)
        if python is not None:
            return python
    reasons = []
    for version in versions:
        progress(f"no Python {version} on PATH or under pyenv: asking uv for one")
        done = uv.run(["python", "find", "--managed-python", "--no-python-downloads", version])
        if done.returncode != 0:
            installed = uv.run(["python", "install", version], progress)
            if installed.returncode != 0:
                reasons.append(installed.last_words())
                continue
            done = uv.run(["python", "find", "--managed-python", version])
        if done.returncode == 0:
            return Path(done.output.strip().splitlines()[-1])
    wanted = " or ".join(versions)
    raise NoPython(
        f"Python {wanted} is needed and not on PATH or under pyenv, and uv could not provide it "
        f"({'; '.join(reasons)}); install it, for example with: pyenv install {versions[0]}"
    )


def here(version: str) -> Path | None:
    """An interpreter of that minor version on PATH or under pyenv, if one is there and runs."""
    return next((python for python in _candidates(version) if minor_version(python) == version), None)


def minor_version(python: Path) -> str:
    """ "3.8" for an interpreter that runs, "" for what does not (a shim without a version, a broken link)."""
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _candidates(version: str) -> Iterator[Path]:
    """Where an interpreter of a minor version may be; nothing is promised about what is there."""
    if version == "{}.{}".format(*sys.version_info[:2]):
        yield Path(sys.executable)
    for name in (f"python{version}", "python3"):
        found = shutil.which(name)
        if found:
            yield Path(found)
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    patches = [
        path for path in versions.glob(f"{version}.*") if path.name.removeprefix(f"{version}.").isdigit()
    ]
    for path in sorted(patches, key=lambda path: int(path.name.rsplit(".", 1)[1]), reverse=True):
        yield path / "bin" / "python"


def packages_of(python: Path) -> tuple[str, dict[str, str]]:
    """The version of an interpreter and those of its packages, by normalised name. Raises UsageError."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(python.absolute()), "-c", LOOK]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOOK_SECONDS, env=clean, check=False)
        found = json.loads(done.stdout)
        version, packages = str(found["python"]), dict(found["packages"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{python} does not work as a Python interpreter: {error}") from error
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UsageError(f"{python} is Python {version}; workers need 3.7 or newer")
    return version, packages
