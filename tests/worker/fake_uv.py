"""Stands for uv: makes a folder that looks like an environment, notes every run, fails when it is told to.

FAKE_UV_LOG is the file of notes; FAKE_UV=flood writes megabytes to both streams. A package called
`broken` cannot be installed, of `absent` there is no such version, `slow` takes a second.
"""

import json
import os
import pathlib
import sys
import time

arguments = sys.argv[1:]
with pathlib.Path(os.environ["FAKE_UV_LOG"]).open("a") as log:
    log.write(json.dumps(arguments) + "\n")

if "flood" in os.environ.get("FAKE_UV", ""):  # more than any pipe holds, before a word on standard error
    for _ in range(64):
        sys.stdout.write("y" * 65536 + "\n")
        sys.stderr.write("z" * 65536 + "\n")
    sys.stdout.flush()

if arguments[0] == "venv":
    binaries = pathlib.Path(arguments[-1]) / "bin"
    binaries.mkdir(parents=True)
    packages = binaries.parent / "packages.json"
    packages.write_text("{}")
    answer = '{\\"python\\": \\"3.8.18\\", \\"packages\\": $(cat $(dirname $0)/../packages.json)}'
    script = f'#!/bin/sh\necho "{answer}"\n'
    (binaries / "python").write_text(script)
    (binaries / "python").chmod(0o755)
elif arguments[:2] == ["pip", "install"]:
    python = pathlib.Path(arguments[3])
    wanted = [text for text in arguments[4:] if "==" in text]
    if any("broken" in text for text in wanted):
        print("warning: something else\nerror: no solution found for broken", file=sys.stderr)
        sys.exit(1)
    if any("absent" in text for text in wanted):
        (text,) = (text for text in wanted if "absent" in text)
        print("error: No solution found", file=sys.stderr)
        print("  cause: Because there is no version of", text, "and you require it", file=sys.stderr)
        sys.exit(1)
    if any("slow" in text for text in wanted):
        time.sleep(1.0)
    found = dict(text.split("==") for text in wanted)
    (python.parent.parent / "packages.json").write_text(json.dumps(found))
    print("Installed some packages", file=sys.stderr)
else:
    print("error: no such Python and no network", file=sys.stderr)
    sys.exit(2)
