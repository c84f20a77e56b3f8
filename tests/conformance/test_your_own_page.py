"""docs/your-own.md does what it says: its files are written, its commands run, and what they print is compared."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lossproof.conformance.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "your-own.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(\w+\.py)`:\s*\Z")
NEEDS = {
    "In five minutes": "numpy", "A function in PyTorch": "torch", "A function in TensorFlow": "tensorflow",
    "A function in MLX": "mlx",
}  # fmt: skip
PYTEST = "In your own tests"


@dataclass
class Section:
    """The files of a section, what stands in their place later, and its commands with what they print."""

    files: dict[str, str] = field(default_factory=dict)
    mended: str = ""
    consoles: list[str] = field(default_factory=list)


def sections() -> dict[str, Section]:
    """The sections of the page by their headings."""
    found = {}
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        section = found[heading] = Section()
        for block in BLOCK.finditer(text):
            language, content = block.groups()
            named = NAMED.search(text[: block.start()])
            if language == "python" and named:
                section.files[named[1]] = content
            elif language == "python" and section.files:
                section.mended = content
            elif not language:
                section.consoles.append(content)
    return found


def asked(command: str, folder: Path) -> tuple[int, str]:
    """Run a command of the page as a shell would, with this interpreter's programs."""
    words = shlex.split(command.replace("\\\n", ""))
    module = {"lossproof": "lossproof.conformance.cli.main", "pytest": "pytest"}[words[0]]
    start = (
        ["-m", module]
        if module == "pytest"
        else ["-c", f"import sys; from {module} import main; sys.exit(main())"]
    )
    done = subprocess.run(
        [sys.executable, *start, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=600,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(folder), "NO_COLOR": "1", "PYTEST_ADDOPTS": ""},
    )  # fmt: skip
    return done.returncode, done.stdout


def told(text: str) -> list[str]:
    """Lines without what differs from one machine to the next: versions, seconds, and the folder of the report."""
    text = re.sub(r"^report .*", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\d+\.\d+\.\d+\S*", "VERSION", line.rstrip()) for line in text.splitlines()]
    return [re.sub(r" in \d+\.\d+s.*", "", line) for line in lines]


def shown(console: str, printed: str) -> bool:
    """Whether what the page shows was printed: `...` stands for any lines."""
    output = "\n".join(told(printed))
    for piece in "\n".join(told(console)).split("..."):
        place = output.find(piece.strip("\n"))
        if place < 0:
            return False
        output = output[place + len(piece.strip("\n")) :]
    return True


def parts(console: str) -> tuple[str, str, int | None]:
    """The command of a console, what it prints, and the exit code where one is asked for."""
    command = re.match(r"\$ ((?:.*\\\n)*.*)\n", console)
    assert command
    output, _, code = console[command.end() :].partition("$ echo $?\n")
    return command[1], output, int(code) if code else None


def written(section: Section, folder: Path) -> None:
    for name, text in section.files.items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("heading", NEEDS)
def test_a_wrong_function_is_found_as_the_page_shows_and_the_mended_one_is_right(
    heading: str, tmp_path: Path
) -> None:
    if importlib.util.find_spec(NEEDS[heading]) is None:
        pytest.skip(f"{NEEDS[heading]} is not installed here")
    section = sections()[heading]
    written(section, tmp_path)
    (console,) = section.consoles
    command, output, wanted = parts(console)
    code, printed = asked(command, tmp_path)
    assert shown(output, printed), printed
    assert code == (1 if wanted is None else wanted)
    if section.mended:
        ((name, text),) = section.files.items()
        (tmp_path / name).write_text(text.partition("\n\n\n")[0] + "\n\n\n" + section.mended)
        code, printed = asked(command, tmp_path)
        assert (code, "findings  0" in printed) == (0, True), printed


def test_three_lines_make_a_test_of_each_cell(tmp_path: Path) -> None:
    found = sections()
    first = found["In five minutes"]
    ((name, text),) = first.files.items()
    (tmp_path / name).write_text(text.partition("\n\n\n")[0] + "\n\n\n" + first.mended)
    written(found[PYTEST], tmp_path)
    (console,) = found[PYTEST].consoles
    command, output, _ = parts(console)
    code, printed = asked(command, tmp_path)
    assert code == 0, printed
    assert told(output)[-1] == told(printed)[-1]


def test_a_function_with_other_names_is_refused_with_the_wrapper_that_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (console,) = sections()["What is asked of your code"].consoles
    command, output, _ = parts(console)
    (tmp_path / "kernel.py").write_text("def my_kernel(a, b, axis=1, epsilon=1e-8):\n    return a\n")
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(command)[1:]) == 2
    assert capsys.readouterr().err.split() == output.split()


def test_what_was_not_printed_is_noticed() -> None:
    assert shown("a 1.2.3\n...\nc\n", "a 4.5.6\nb\nc\n")
    assert not shown("a\n...\nc\n", "a\nb\n")
    assert not shown("c\n...\na\n", "a\nb\nc\n")
