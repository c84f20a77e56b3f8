"""A run over a user's own code: one worker, one API, no ledger but the user's, and scripts that import the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lossproof.conformance.model.results import Finding
from lossproof.conformance.runs.run import (
    Plan,
    RunResult,
    TargetResult,
    in_framework_words,
    judge_session,
    log_tail,
    scripted,
    target_info,
)
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.usercode.code import Place
from lossproof.conformance.usercode.executor import UserExecutor
from lossproof.conformance.usercode.fit import Takes, misfit
from lossproof.conformance.usercode.session import UserSession
from lossproof.conformance.workers.client import Worker, WorkerError
from lossproof.conformance.workers.protocol import Question
from lossproof.conformance.workers.scratch import Scratch
from lossproof.conformance.workers.signals import Progress
from lossproof.specs.frameworks import Mode, Reproducer
from lossproof.specs.models import KnownFinding

TIMEOUT = 10.0
"""Seconds after which a call of the user's code counts as a hang."""
START_TIMEOUT = 180.0
IN_NUMPY = Reproducer(
    imports="import numpy as np",
    seed="np.random.seed({{ seed }})",
    array="np.array({{ values }}, dtype=np.{{ dtype }}).reshape({{ shape }})",
    to_list="np.asarray(result).tolist()",
    modes={"eager": Mode(call="{{ function }}({{ arguments }})")},
)
"""How a script asks code that takes NumPy's arrays."""
BOUND_TO = "implementation"
"""The name of the user's code in a script."""


@contextmanager
def asked(
    place: Place,
    log: Path,
    *,
    examples: int = 8,
    seed: int = 0,
    timeout: float = TIMEOUT,
    ledger: Sequence[KnownFinding] = (),
) -> Iterator[UserSession]:
    """A session with the user's code in its place, in a worker that ends with it.

    Raises UsageError where the code cannot be had (no such name, a syntax error, a failing import), is a function
    where the API is a class, or cannot be called as the API is; WorkerError where the worker does not start.
    """
    target = place.target
    with Worker.start(target, log, timeout=timeout, start_timeout=START_TIMEOUT) as worker:
        loaded = worker.ask(Question(place.spec.api, verb="probe", probe="load"))
        if loaded.data is None:
            raise UsageError(loaded.error.message if loaded.error else f"{place.code}: {loaded.note_and_log}")
        _same_style(place, bool(loaded.data["is_class"]))
        takes = Takes.of(loaded.data["takes"])
        if error := misfit(place.subject, takes, str(place.code), place.code.name, place.code.imported_as):
            raise error
        info, arrays = worker.info, str(loaded.data["arrays"])
        known = target_info(replace(target, framework=info.framework), info)
        packages = {**known.packages, "numpy": info.numpy}
        yield UserSession(
            replace(known, packages=packages, usercode=True),
            UserExecutor(worker, seed, examples),
            place.judged_by(arrays),
            ledger,
            arrays,
            takes,
        )


def try_code(place: Place, plan: Plan, progress: Progress, timeout: float = TIMEOUT) -> tuple[RunResult, str]:
    """Judge a user's code by every cell of the plan's properties; the run, and which arrays the code was given.

    Raises UsageError where the code cannot be had. Whatever it does when it is called is a finding.
    """
    with Scratch("log") as folder:
        log, arrays = folder / "log.txt", ""
        try:
            progress(str(place.code), 0, 0, "starting")
            with asked(place, log, examples=plan.examples, seed=plan.seed, timeout=timeout) as session:
                arrays = session.arrays
                worker = session.executor.worker
                result = judge_session(session, plan, progress)
                result = replace(result, findings=(*result.findings, *session.ends(result.findings)))
                if isinstance(worker, Worker):
                    result = replace(result, numpy=worker.info.numpy)
        except WorkerError as error:
            result = TargetResult(str(place.code), failed=str(error))
        result = replace(result, log=log_tail(log))
    return scripted([result], lambda finding: _worded(place, arrays, finding)), arrays


def _same_style(place: Place, is_class: bool) -> None:
    api, documented = place.spec.api, place.edition.call.style
    if documented == "class" and not is_class:
        raise UsageError(
            f"{api} is a class, constructed with options and then called, and {place.code} is a function; "
            "name a class, or an API that is a function"
        )
    if documented == "function" and is_class:
        raise UsageError(
            f"{api} is a function, and {place.code} is a class; name a function, or an API that is a class"
        )


def _worded(place: Place, arrays: str, finding: Finding) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The finding with the user's code as its API, and snippets that import it."""
    said, snippets = in_framework_words(finding) if arrays != "numpy" else (asdict(finding), {})
    snippets = dict(snippets or IN_NUMPY.model_dump())
    snippets["imports"] = f"{snippets['imports'].strip()}\n\n{_import(place)}"
    witness = {**finding.witness, "api": ".".join([BOUND_TO, *place.code.name.split(".")[1:]])}
    return {**said, "witness": witness, "framework": f"{place.code} and {finding.framework}"}, snippets


def _import(place: Place) -> str:
    """The statements that bind the user's code to one name, whatever it is called; run where the code was judged."""
    code, first = place.code, place.code.name.split(".")[0]
    module = code.imported_as
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"{module!r} is no Python name, so no script can import it")
    folder = code.file.parent if code.file and not code.module else code.folder
    where = f'sys.path.insert(0, "{folder.as_posix()}")  # run from where it was judged'
    return f"{where}\nfrom {module} import {first} as {BOUND_TO}"
