"""Runs scripts of one framework in one process, each against a fresh stand-in: script_runner.py FRAMEWORK FOLDER.

FOLDER holds scripts named NAME.py, and asked.json: pairs of a script's name and the way in which the stand-in is
wrong ("" is right). Writes answered.json: for each the exit status, and the output.
"""

import contextlib
import io
import json
import sys
import traceback
import types
from pathlib import Path

from standin import source


def run(path: Path, text: str, wrong: str) -> tuple[int, str]:
    """Exit status and output, as those of a process: what an exception leaves to the script's own hook gives 2."""
    module = types.ModuleType("api")
    module.__dict__["WRONG"] = wrong
    exec(text, module.__dict__)
    sys.modules["api"] = module
    scope = {"__name__": "script", "__file__": str(path)}
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        try:
            exec(compile(path.read_text("utf-8"), str(path), "exec"), scope)
            status = scope["main"]()
        except Exception:
            heard.write(traceback.format_exc())
            status = 2
    return status, heard.getvalue()


def main() -> None:
    """Everything that is asked."""
    framework, folder = sys.argv[1], Path(sys.argv[2])
    text = source(framework)
    asked = json.loads((folder / "asked.json").read_text())
    answered = [run(folder / f"{name}.py", text, wrong) for name, wrong in asked]
    (folder / "answered.json").write_text(json.dumps(answered))


if __name__ == "__main__":
    main()
