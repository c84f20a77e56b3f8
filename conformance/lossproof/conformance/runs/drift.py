"""Documentation drift: whether a target's docstring is one that the spec was written from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.results import Drift
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Question
from lossproof.conformance.workers.scratch import Scratch
from lossproof.specs import edition_for, load_specs
from lossproof.specs.digests import Recording, by_age, record_digest
from lossproof.specs.models import Edition


def drift(subject: Subject, executor: Executor) -> Drift | None:
    """Return the drift to report where the API's docstring differs from every one that its edition records, else None.

    One question; none where the edition records no docstring. Where the target gives no answer, nothing is said.
    """
    recorded = subject.edition.docstrings
    digest = docstring_digest(subject.api, executor) if recorded else None
    if digest is None or digest in recorded.values():
        return None
    version = version_of(subject.edition, subject.facts.packages)
    return Drift(subject.api, subject.edition.slug, max(recorded, key=by_age), version)


def docstring_digest(api: str, executor: Executor) -> str | None:
    """The digest of the docstring that a target has for an API, None where it does not have the API."""
    answer = executor.put(Question(api, verb="probe", probe="docstring"))
    return None if answer.data is None else str(answer.data["sha256"])


def version_of(edition: Edition, packages: Mapping[str, str]) -> str:
    """The version of the edition's package without its local part: 2.13.0 for 2.13.0+cpu."""
    return packages[edition.package].partition("+")[0]


def record_target(target: Target, specs: Path | None, files: Mapping[str, Path]) -> list[Recording]:
    """Enter the docstrings of all documented APIs that a target has into their spec files, given by API.

    `specs` names the file or folder of the documents, None the packaged ones.

    Raises:
        SpecError: a file cannot be read or written. WorkerError: the target cannot be started or goes down.
    """
    with (
        Scratch("log") as folder,
        Worker.start(target, folder / "log.txt") as worker,
    ):
        executor, info = Executor(worker), worker.info
        packages = {info.framework: info.version, **info.companions}
        # What else can be imported beside the framework is none of this target's.
        mine = [s for s in load_specs(specs) if any(e.package in packages for e in s.editions)]
        digests = {spec.api: docstring_digest(spec.api, executor) for spec in mine}
    done = []
    for spec in mine:
        digest, edition = digests[spec.api], edition_for(spec, packages)
        if digest is None:
            continue
        if edition is None:
            done.append(Recording(spec.api, "no edition covers"))
            continue
        version = version_of(edition, packages)
        done.append(record_digest(files[spec.api], spec.api, edition.slug, version, digest))
    return done
