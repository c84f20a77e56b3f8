"""The reproducers of a target's findings: one script a finding, by the path under which a run folder holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from lossproof.conformance.model.results import Finding
from lossproof.conformance.runs.policy import ScriptParts
from lossproof.reports import reproducer

FOLDER = "reproducers"


@dataclass(frozen=True)
class Scripted:
    """Findings with the paths of their scripts, the scripts by file name, and the faults met in writing them."""

    findings: tuple[Finding, ...]
    scripts: Mapping[str, str]
    faults: tuple[str, ...]

    @property
    def paths(self) -> dict[str, str]:
        """The path of each finding's script, by slug; "" where it has none."""
        return {f.slug: f.reproducer for f in self.findings}


def scripted(findings: Iterable[Finding], parts: Callable[[Finding], ScriptParts]) -> Scripted:
    """Write the script of each finding from its parts; a witness that no script can be written from has none."""
    done: list[Finding] = []
    scripts: dict[str, str] = {}
    faults: list[str] = []
    for finding in findings:
        name = f"{file_name(finding.target)}-{finding.slug}.py"
        try:
            scripts[name] = reproducer(*parts(finding))
        except ValueError:
            done.append(finding)
        except Exception as error:
            faults.append(f"{finding.slug}: no script could be written: {type(error).__name__}: {error}")
            done.append(finding)
        else:
            done.append(replace(finding, reproducer=f"{FOLDER}/{name}"))
    return Scripted(tuple(done), scripts, tuple(faults))


def file_name(target: str) -> str:
    """The name of a target as part of a file's name."""
    kept = (c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in target.replace("==", "-"))
    return "".join(kept).strip("-.")
