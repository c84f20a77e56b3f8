"""A user's own function or class in the place of an API; for all else the framework's adapter, or NumPy's.

Runs inside the worker: Python 3.7 syntax, NumPy and what the user's code imports (see worker.py for the
contract). LOSSPROOF_OWN holds, as JSON, `file` or `module` and `name` of the code, the `api` whose place it takes,
the `framework` (None where it is not installed) and its module (`imports`), which
`arrays` it is given (auto, framework or numpy), the `folder` to run in and the `path` to import from.
"""

import ast
import ctypes
import difflib
import importlib
import inspect
import json
import os
import sys
import tempfile
import types

import lossproof_worker as worker

GIVEN = json.loads(os.environ["LOSSPROOF_OWN"])
CODE = "{}:{}".format(os.path.basename(GIVEN["file"] or "") or GIVEN["module"], GIVEN["name"])
MOST_PRINTED = 2000
"""Bytes of what the code prints that are kept of one call."""


class CodeError(Exception):
    """The user's code cannot be had: no such name, or it fails when it is imported."""

    __module__ = "lossproof_worker"


def load_module():
    """The module of the user's code, imported as Python itself would: its folder comes first."""
    os.chdir(GIVEN["folder"])
    sys.path[:0] = [entry for entry in GIVEN["path"] if entry not in sys.path]
    shown = os.path.basename(GIVEN["file"] or "") or GIVEN["module"]
    try:
        return import_it()
    except SyntaxError as error:
        file = os.path.basename(error.filename or shown)
        raise CodeError("{}, line {}: {}".format(file, error.lineno, error.msg)) from None
    except BaseException as error:  # SystemExit of a script without a main guard, too
        found = worker.describe(error)
        said = ": ".join(part for part in (found["type"], found["message"]) if part)
        where = found["where"] if found["where"][:1] != "<" else ""  # not a line of Python's own importing
        where = " ({})".format(where) if where else ""
        raise CodeError("{} cannot be imported: {}{}".format(shown, said, where)) from None


def import_it():
    """By its name where it has one, else by its file."""
    if GIVEN["module"]:
        try:
            return importlib.import_module(GIVEN["module"])
        except ModuleNotFoundError as error:
            mine = error.name and (GIVEN["module"] + ".").startswith(error.name + ".")
            if not (GIVEN["file"] and mine):
                raise
    name = os.path.splitext(os.path.basename(GIVEN["file"]))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "lossproof_user_code"
    return worker.load(GIVEN["file"], name)


def find(module):
    """The function or class in its module."""
    found = module
    for part in GIVEN["name"].split("."):
        if not hasattr(found, part):
            names = [n for n, v in vars(found).items() if callable(v) and n[:1] != "_"]
            close = difflib.get_close_matches(part, names, 3) or names[:5]
            hint = "; there is {}".format(", ".join(close)) if close else ""
            raise CodeError("{} has no {!r}{}".format(CODE.rsplit(":", 1)[0], GIVEN["name"], hint))
        found = getattr(found, part)
    if not callable(found):
        kind = worker.qualified_name(type(found))
        raise CodeError("{} is no function or class, but of type {}".format(CODE, kind))
    return found


def arrays_for(module):
    """`framework` or `numpy`: as asked for; else NumPy's for code that imports NumPy and not the framework."""
    if GIVEN["framework"] is None or GIVEN["arrays"] != "auto":
        return "numpy" if GIVEN["framework"] is None else GIVEN["arrays"]
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError):
        tree = ast.parse("")
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    imported = {name.split(".")[0] for name in names} | ({GIVEN["imports"]} & set(sys.modules))
    return "numpy" if "numpy" in imported and GIVEN["imports"] not in imported else "framework"


def start():
    """(code, arrays, adapter), or the error that keeps the code from being had."""
    module = load_module()
    code = find(module)
    arrays = arrays_for(module)
    adapter = worker.part(GIVEN["framework"] if arrays == "framework" else "numpy")
    theirs = adapter.resolve

    def resolve(api):
        return code if api == GIVEN["api"] else theirs(api)

    adapter.resolve = resolve
    if isinstance(
        getattr(adapter, "native", None), types.ModuleType
    ):  # Keras' has one of its backend behind it
        adapter.native.resolve = resolve
    return code, arrays, adapter


def parameters(thing, skip=0):
    """[name, kind, whether it may be left out] of each parameter, None where nothing says them."""
    try:
        found = list(inspect.signature(thing).parameters.values())[skip:]
    except Exception:  # whatever a callable says of itself, or fails to say
        return None
    return [[item.name, item.kind.name, item.default is not item.empty] for item in found]


def opaque(found):
    """Whether a signature says only that anything is taken."""
    return found is None or (all(kind[:4] == "VAR_" for _, kind, _ in found) and len(found) > 1)


def takes(thing):
    """Return the parameters of a function's call, or of a class's construction and its object's call.

    Where a class hides them behind (*args, **kwargs), `__init__` and `forward` say them.
    """
    if not inspect.isclass(thing):
        return {"init": None, "call": parameters(thing), "method": "__call__"}
    init = parameters(thing)
    if opaque(init):
        init = parameters(thing.__init__, 1)
    called = {}
    for name in ("__call__", "forward"):
        method = next((vars(kind)[name] for kind in inspect.getmro(thing) if name in vars(kind)), None)
        found = parameters(method, 1) if inspect.isfunction(method) else None
        if not opaque(found):
            return {"init": init, "call": found, "method": name}
        called[name] = found
    return {"init": init, "call": None, "method": "__call__"}


def capture():
    """From now on standard output is a file that `printed` reads, of this process and of what it starts."""
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)


def printed():
    """Return the text written to standard output since it was last asked for; it goes to the log after all."""
    try:
        sys.stdout.flush()
        ctypes.CDLL(None).fflush(None)  # what C code printed
        text = os.pread(1, MOST_PRINTED, 0)
        if text:
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
            os.write(2, text)
        return text.decode("utf-8", "replace")
    except Exception:  # the code closed standard output, or put something else in its place
        return ""


failed = code = arrays = adapter = None
try:
    code, arrays, adapter = start()
except Exception as error:  # told when it is asked for: a worker that starts is one that can say why
    failed = error
capture()

MODES = ("eager",) if failed else adapter.MODES
DEVICES = worker.devices(adapter)
execute, evaluate, to = (getattr(adapter, name, None) for name in ("execute", "evaluate", "to"))


def info():
    """Who answers here."""
    if failed is None:
        return adapter.info()
    return {"framework": "", "version": "", "companions": {}, "backend": ""}


def resolve(api):
    """The user's code for the API, else what the adapter has by that name."""
    return adapter.resolve(api)


def make(data, dtype, shape, layout):
    """An array of the framework, or of NumPy."""
    if arrays == "numpy" and dtype == "bfloat16":
        raise worker.Unsupported("NumPy has no bfloat16")
    return adapter.make(data, dtype, shape, layout)


def read(native):
    """Bytes, dtype and shape of an array; None for anything else."""
    return adapter.read(native)


def grad(executable, values, place):
    """Its gradient, where the framework differentiates."""
    return adapter.grad(executable, values, place)


def probe(name, api, arrays_given, options, mode):
    """`load`: which arrays the code is given, whether it is a class, what it takes; the adapter's own probes."""
    if name == "load":
        if failed is not None:
            raise failed
        return {"arrays": arrays, "is_class": inspect.isclass(code), "takes": takes(code)}
    own = getattr(adapter, "probe", None)
    if own is None:
        raise worker.Unsupported("no probe is called {!r} here".format(name))
    return own(name, api, arrays_given, options, mode)
