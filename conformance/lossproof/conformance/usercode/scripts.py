"""The scripts of a user's own code: a finding as data, and snippets that import the code."""

from __future__ import annotations

from dataclasses import asdict

from lossproof.conformance.model.results import Finding
from lossproof.conformance.runs.policy import ScriptParts, in_framework_words
from lossproof.conformance.usercode.code import Place
from lossproof.specs.frameworks import Mode, Reproducer

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


def script_parts(place: Place, arrays: str, finding: Finding) -> ScriptParts:
    """The finding with the user's code as its API, and snippets that import it."""
    said, given = in_framework_words(finding) if arrays != "numpy" else (asdict(finding), {})
    snippets = dict(given or IN_NUMPY.model_dump())
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
