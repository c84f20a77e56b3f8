"""The process that a target runs in: answers one question after another and outlives what the target does.

Started by the target's own interpreter, Python 3.7 or newer with NumPy and the framework, without lossproof:

    python worker.py --adapter FILE --frameworks JSON --read-fd R --write-fd W --lifeline-fd L

So this file imports the standard library and NumPy, nothing else; adapters and probes, loaded by path, reach its
helpers through ``import lossproof_worker``.

Wire format, both ways: 8 bytes (little-endian) with the length of a JSON header, the header, then the buffers
whose lengths the header lists under ``buffers``. An answer repeats the ``number`` of its question, so that a frame
which the target wrote itself is none. Standard output and error belong to the target.

The lifeline is a pipe on which nothing is ever written: it hangs up when the tool has died.

An adapter is a module with

- ``info()``: a dict with framework, version, companions and backend;
- ``MODES``: its modes, that in which it answers unless asked otherwise first; ``eager`` calls a function as it is;
- ``resolve(api)``: the object with that name, or `ApiMissing`;
- ``make(data, dtype, shape, layout)`` and ``read(native)``: bit-exact conversion; ``read`` gives
  ``(bytes, dtype, shape)``, or None for what is no array, and raises for an array that it cannot read; ``make`` raises
  `Unsupported` for a dtype it lacks;
- ``grad(executable, values, place)``: the gradient of the summed result with respect to ``values[place]``;
- ``execute(function, mode)``, where it has more modes than ``eager``: the function, whose arguments are arrays alone,
  as an executable of that mode. Each time that compiled code is entered it calls `count_run`, the proof that nothing
  fell back; a function that cannot be compiled whole is `Unsupported`, with the reason;
- ``DEVICES`` and ``to(device)``, where it has more devices than ``cpu``: a function that moves an array there;
- optionally ``evaluate(native)``: the result once lazy work is done, whose errors belong to the call;
- optionally ``probe(name, api, arrays, options, mode)``: JSON, or `Unsupported` for an unknown name;
- optionally ``printed()``: what was written to standard output since it was last asked.

The ``function`` that an adapter gets is a `Call` of execution.py. Errors of class `ApiMissing`, `Unsupported` or
`HarnessError` (module lossproof_worker) come from this side, all others from the target.
"""

import os
import sys

# Python puts a script's folder first, where the modules beside this file would hide others of the same name.
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [path for path in sys.path if os.path.realpath(path) != HERE]

import argparse
import contextlib
import difflib
import faulthandler
import importlib
import importlib.util
import inspect
import json
import platform
import time
import traceback

import numpy as np

LARGEST_DATA = 1 << 16
"""Characters of what is no array that travel; of more only its type does."""


FRAMEWORKS = {}
"""The folders of the frameworks by name, as the tool gave them."""


def part(framework, name="adapter"):
    """The module called `name` in the folder of a framework, loaded once: another's adapter, or one's own probes."""
    if framework not in FRAMEWORKS:
        raise Unsupported("lossproof has no adapter of {}".format(framework))
    module = "lossproof_{}_{}".format(framework, name)
    return sys.modules.get(module) or load(os.path.join(FRAMEWORKS[framework], name + ".py"), module)


def load(path, name="lossproof_adapter"):
    """The module at that path, under that name."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


process = load(os.path.join(HERE, "process.py"), "lossproof_process")
telling = load(os.path.join(HERE, "telling.py"), "lossproof_telling")
bits = load(os.path.join(HERE, "arrays.py"), "lossproof_arrays")
as_numpy, lay_out, from_numpy = bits.as_numpy, bits.lay_out, bits.from_numpy
describe, in_words, jsonable = telling.describe, telling.in_words, telling.jsonable
portable, qualified_name = telling.portable, telling.qualified_name


class ApiMissing(LookupError):  # noqa: N818
    """The API does not exist in this release."""

    __module__ = "lossproof_worker"


class Unsupported(Exception):  # noqa: N818
    """The framework or its adapter has no such dtype, mode or probe."""

    __module__ = "lossproof_worker"


class HarnessError(Exception):
    """The question could not be put to the target: the fault is lossproof's."""

    __module__ = "lossproof_worker"


class Given(object):
    """An input array: its bytes, and the native object built from them when `value` is first asked for."""

    def __init__(self, adapter, data, dtype, shape, form="tensor", layout="C", device="cpu"):
        self.adapter, self.data, self.dtype, self.shape = adapter, data, dtype, tuple(shape)
        self.form, self.layout, self.device = form, layout, device
        self._native = self._before = None

    @property
    def value(self):
        """The native array or nested list, the same object every time."""
        if self._native is None:
            if self.form == "list":
                self._native = as_numpy(self.data, self.dtype, self.shape).tolist()
                self._before = json.dumps(self._native)
            else:
                made = self.adapter.make(self.data, self.dtype, self.shape, self.layout)
                self._native = mover(self.adapter, self.device)(made)
        return self._native

    def changed(self):
        """Whether the bytes, dtype or shape differ from what was given."""
        if self._native is None:
            return False
        if self.form == "list":
            return json.dumps(self._native, default=repr) != self._before
        try:
            found = self.adapter.read(self._native)
        except Exception:
            return True
        return found is None or (found[0], found[1], tuple(found[2])) != (self.data, self.dtype, self.shape)


class Evaluated(object):
    """A result that had to be evaluated (a graph): `value` came out of what the API `returned`."""

    def __init__(self, returned, value):
        self.returned, self.value = returned, value


def devices(adapter):
    """The devices of an adapter."""
    return getattr(adapter, "DEVICES", ("cpu",))


def mover(adapter, device):
    """A function that moves an array to a device; `make` makes those of the cpu."""
    if device == "cpu":
        return lambda native: native
    if getattr(adapter, "to", None) is None:
        raise Unsupported("no device {} here: lossproof asks this framework on the cpu alone".format(device))
    return adapter.to(device)


RUNS = {"compiled": 0}
"""How often compiled code was entered, in whichever mode."""


def count_run():
    """Count that compiled code was entered: called from inside it, by what only the mode itself calls."""
    RUNS["compiled"] += 1


# --- helpers for adapters ---


def resolve_name(dotted, aliases=()):
    """The object with that dotted name; `aliases` are (short, full) first parts of names."""
    parts = dotted.split(".")
    parts[0] = dict(aliases).get(parts[0], parts[0])
    try:
        found = importlib.import_module(parts[0])
    except ModuleNotFoundError as error:
        raise ApiMissing("{}: module {!r} is not installed".format(dotted, error.name)) from None
    for index, part in enumerate(parts[1:], 1):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(parts[: index + 1]))
            except ImportError:
                near = difflib.get_close_matches(part, [n for n in dir(found) if n[:1] != "_"], 3)
                hint = "; nearest: " + ", ".join(near) if near else ""
                message = "{} does not exist: {} has no {!r}{}"
                raise ApiMissing(message.format(dotted, ".".join(parts[:index]), part, hint)) from None
    return found


def installed_version(*distributions):
    """The version of the first of these distributions that is installed, else ""."""
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        import pkg_resources

        found = pkg_resources.working_set.by_key
        return next((found[name].version for name in distributions if name in found), "")
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return ""


def plain_options(options, resolve):
    """Options as Python objects: {"$name": N} is the object called N, {"$tuple": [...]} a tuple."""

    def plain(value):
        if isinstance(value, dict):
            if set(value) == {"$name"}:
                return resolve(value["$name"])
            if set(value) == {"$tuple"}:
                return tuple(plain(item) for item in value["$tuple"])
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    return {name: plain(value) for name, value in (options or {}).items()}


@contextlib.contextmanager
def harness(doing):
    """Marks what fails inside as lossproof's fault, not the target's."""
    try:
        yield
    except (ApiMissing, Unsupported, HarnessError, MemoryError):
        raise
    except Exception as error:
        message = "could not {}: {}: {}".format(doing, type(error).__name__, error)
        raise HarnessError(message) from error


# --- one question ---


class Responder(object):
    """The loop of questions and answers over one adapter and two file descriptors."""

    def __init__(self, adapter, execution, probes, reading, writing):
        self.adapter, self.execution, self.probes = adapter, execution, probes
        self.reading, self.writing = reading, writing
        self.pid = os.getpid()

    def serve(self):
        """Answer until the other side closes the pipe."""
        while True:
            question, buffers = process.receive(self.reading)
            if question is None:
                return
            try:
                answer, value = self.answer(question, buffers)
                parts = process.packed(dict(answer, number=question["number"]), value)
            except BaseException as error:
                why = "the answer cannot be told: {}".format(
                    in_words(repr, error, qualified_name(type(error)))
                )
                told = {
                    "outcome": "error",
                    "error": describe(HarnessError(why)),
                    "number": question["number"],
                }
                parts = process.packed(told)
            if os.getpid() != self.pid:  # the target forked, and this is the child: one of us must not answer
                os._exit(0)
            process.write(self.writing, parts)

    def answer(self, question, buffers):
        """(header, buffers) of the answer; whatever the target raises is an answer too."""
        start, device = time.perf_counter(), question.get("device", "cpu")
        arrays = {
            item["name"]: Given(
                self.adapter, data, item["dtype"], item["shape"], item["form"], item["layout"], device
            )
            for item, data in zip(question["arrays"], buffers)
        }
        answer, value = {"outcome": "value"}, []
        try:
            with process.limits(question.get("memory"), question.get("seconds")):
                value = self.ask(question, arrays, answer)
        except BaseException as error:  # SystemExit and KeyboardInterrupt of the target too
            answer = {"outcome": "error", "error": describe(error)}
        answer["changed"] = [name for name, given in arrays.items() if given.changed()]
        if hasattr(self.adapter, "printed"):
            answer["printed"] = self.adapter.printed()
        answer["seconds"] = time.perf_counter() - start
        return answer, value

    def ask(self, question, arrays, answer):
        """Put the question to the adapter and fill in `answer`; returns the buffers to send."""
        api, mode, verb = question["api"], question["mode"], question["verb"]
        options = {
            "init": question["init"],
            "call": question["options"],
            "positional": question["positional"],
        }
        if verb == "probe":
            answer["data"] = self.probe(question, arrays, options)
            return []
        wrt = question["wrt"] if verb == "grad" else None
        result = self.execution.answer(self.adapter, api, arrays, options, mode, wrt)
        returned = result
        if isinstance(result, Evaluated):
            returned, result = result.returned, result.value
        answer["type"] = qualified_name(type(returned))
        answer["bases"] = [qualified_name(item) for item in inspect.getmro(type(returned))[1:]]
        article = "an" if answer["type"][:1] in "aeiou" else "a"
        what = "None" if returned is None else "{} {}".format(article, answer["type"])
        try:
            found = self.adapter.read(result)
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # sparse, quantised, without data: the code answered, and nobody can tell what
            why = in_words(str, error, qualified_name(type(error))).split("\n")[0]
            answer["note"] = "returned {}, which cannot be read as an array: {}".format(what, portable(why))
            return []
        if found is None:
            answer["note"] = "returned {}, not an array".format(what)
            told = jsonable(result)
            answer["data"] = told if len(json.dumps(told, default=repr)) <= LARGEST_DATA else None
            return []
        data, dtype, shape = found
        answer["value"] = {"dtype": dtype, "shape": list(shape)}
        return [data]

    def probe(self, question, arrays, options):
        """A probe that any target answers, else one of the adapter's own."""
        name = question["probe"]
        if name in self.probes:
            return self.probes[name](self.adapter, question, arrays, options)
        own = getattr(self.adapter, "probe", None)
        if own is None:
            raise Unsupported("no probe is called {!r} here".format(name))
        return jsonable(own(name, question["api"], arrays, options, question["mode"]))


def main():
    """Load the adapter, introduce it, answer questions, leave without the framework's exit handlers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", required=True)
    parser.add_argument("--frameworks", type=json.loads, default={}, help="JSON: folders by name")
    parser.add_argument("--read-fd", type=int, required=True)
    parser.add_argument("--write-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.0, help="end by then if the start has not")
    arguments = parser.parse_args()
    sys.modules["lossproof_worker"] = sys.modules[__name__]
    FRAMEWORKS.update(arguments.frameworks)
    faulthandler.enable()
    for descriptor in (arguments.read_fd, arguments.write_fd, arguments.lifeline_fd):
        os.set_inheritable(descriptor, False)
    process.end_with_the_tool(arguments.lifeline_fd)
    process.limit_files()
    try:
        with process.limits(None, arguments.seconds):
            adapter = load(arguments.adapter)
            info = dict(adapter.info(), modes=adapter.MODES, devices=devices(adapter))
            info.update(python=platform.python_version(), numpy=np.__version__)
    except BaseException as error:
        traceback.print_exc()
        process.write(arguments.write_fd, process.packed({"outcome": "error", "error": describe(error)}))
        os._exit(3)
    execution = load(os.path.join(HERE, "execution.py"), "lossproof_execution")
    probes = load(os.path.join(HERE, "generic_probes.py"), "lossproof_generic_probes").PROBES
    process.write(arguments.write_fd, process.packed({"outcome": "value", "info": info}))
    Responder(adapter, execution, probes, arguments.read_fd, arguments.write_fd).serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
