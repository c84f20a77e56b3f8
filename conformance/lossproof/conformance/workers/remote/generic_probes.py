"""Probes that any target answers, besides values and gradients: names, signatures, documentation, configuration.

Loaded by worker.py beside the adapter: Python 3.7 syntax, standard library only. Every probe takes the
adapter, the question's header, its arrays and its options, and returns what JSON can hold.
"""

import ast
import hashlib
import inspect
import re

import lossproof_execution as execution
import lossproof_worker as worker


def signature_of(thing):
    """(source, parameters): from `inspect`, else the first line of the docstring, else (None, [])."""
    try:
        found = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):
        found = None
    if inspect.isclass(thing) and opaque_parameters(found):
        # A class whose metaclass or __new__ hides the parameters of its constructor.
        found = list(inspect.signature(thing.__init__).parameters.values())[1:]
    # A builtin or wrapper that says only (*args, **kwargs) tells nothing.
    if found is not None and not opaque_parameters(found):
        return "inspect", [
            parameter(item.name, item.kind.name, item.default is not item.empty, item.default)
            for item in found
        ]
    first = next(iter((inspect.getdoc(thing) or "").strip().splitlines()), "")
    text = re.match(r"[\w.]*\((.*)\)", first)
    try:
        arguments = ast.parse("def f({}): pass".format(text.group(1))).body[0].args
    except (AttributeError, SyntaxError):
        return None, []
    missing = [None] * (len(arguments.args) - len(arguments.defaults))
    kinds = [(item, "POSITIONAL_OR_KEYWORD") for item in arguments.args]
    kinds += [(item, "KEYWORD_ONLY") for item in arguments.kwonlyargs]
    values = [*missing, *arguments.defaults, *arguments.kw_defaults]
    return "docstring", [
        parameter(item.arg, kind, value is not None, literal(value))
        for (item, kind), value in zip(kinds, values)  # noqa: B905
    ]


def opaque_parameters(found):
    """Whether a signature says only (*args, **kwargs)."""
    return bool(found) and all(item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD) for item in found)


def parameter(name, kind, has_default, default):
    """One entry of the `signature` probe; `default` in JSON and, exactly, as its repr."""
    entry = {"name": name, "kind": kind, "has_default": has_default}
    if has_default:
        entry["default"] = worker.jsonable(default)
        entry["repr"] = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(default))
    return entry


def literal(node):
    """The value of a default in a text signature, or its repr where it is no literal."""
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return ast.dump(node)


def signature(adapter, question, arrays, options):
    """Names, kinds and defaults of the parameters, and where they were read (`source`)."""
    source, parameters = signature_of(adapter.resolve(question["api"]))
    return {"source": source, "parameters": parameters}


def defaults(adapter, question, arrays, options):
    """The defaults of the parameters that have one, by name."""
    _, parameters = signature_of(adapter.resolve(question["api"]))
    return {item["name"]: item["default"] for item in parameters if item["has_default"]}


def docstring(adapter, question, arrays, options):
    """The docstring and the digest of its words, whatever the white space between them."""
    text = adapter.resolve(question["api"]).__doc__ or ""
    return {
        "text": inspect.cleandoc(text),
        "sha256": hashlib.sha256(" ".join(text.split()).encode()).hexdigest(),
    }


def bases(adapter, question, arrays, options):
    """The class (or the object's class) and its base classes, in method resolution order."""
    found = adapter.resolve(question["api"])
    kind = found if inspect.isclass(found) else type(found)
    return [worker.qualified_name(item) for item in inspect.getmro(kind)]


def resolve(adapter, question, arrays, options):
    """For each of the option `names`: what it names, and whether that is the API itself."""
    try:
        wanted = adapter.resolve(question["api"])
    except worker.ApiMissing:
        wanted = None
    rows = []
    for name in options["call"]["names"]:
        try:
            found = adapter.resolve(name)
            same = found is wanted
            rows.append({"name": name, "object": worker.qualified_name(found), "same": same, "error": None})
        except Exception as error:
            rows.append({"name": name, "object": None, "same": False, "error": str(error)})
    return rows


def attribute(adapter, question, arrays, options):
    """The attribute called by the option `name`, of the constructed object or of the API itself."""
    owner = adapter.resolve(question["api"])
    if options["init"] is not None:
        owner = owner(**worker.plain_options(options["init"], adapter.resolve))
    value = getattr(owner, options["call"]["name"])
    return {"value": worker.jsonable(value), "type": worker.qualified_name(type(value))}


def config(adapter, question, arrays, options):
    """get_config() and from_config(): both configurations and, where arrays are given, both answers."""
    kind = adapter.resolve(question["api"])
    config = kind(**worker.plain_options(options["init"], adapter.resolve)).get_config()
    rebuilt = kind.from_config(dict(config))
    answer = {
        "config": worker.jsonable(config),
        "rebuilt_config": worker.jsonable(rebuilt.get_config()),
        "class": worker.qualified_name(kind),
        "rebuilt_class": worker.qualified_name(type(rebuilt)),
        "answers": None,
        "same": None,
    }
    if arrays:
        pair = []
        for rebuild in (False, True):
            asked = dict(options, rebuild=rebuild)
            result = execution.answer(adapter, question["api"], arrays, asked, question["mode"])
            result = result.value if isinstance(result, worker.Evaluated) else result
            data, dtype, shape = adapter.read(result)
            pair.append({"hex": data.hex(), "dtype": dtype, "shape": list(shape)})
        answer["answers"], answer["same"] = pair, pair[0] == pair[1]
    return answer


def call_other(adapter, question, arrays, options):
    """The value of another function, named by the option `call`: a recipe that the documentation gives."""
    named = dict(options["call"])
    other = named.pop("call")
    asked = {"init": None, "call": named, "positional": False}
    result = execution.answer(adapter, other, arrays, asked, question["mode"])
    result = result.value if isinstance(result, worker.Evaluated) else result
    data, dtype, shape = adapter.read(result)
    return {"value": worker.as_numpy(data, dtype, shape).tolist(), "dtype": dtype, "shape": list(shape)}


def compiled_runs(adapter, question, arrays, options):
    """How often compiled code was entered in this process."""
    return worker.RUNS["compiled"]


PROBES = {
    "compiled_runs": compiled_runs,
    "call_other": call_other,
    "signature": signature,
    "defaults": defaults,
    "docstring": docstring,
    "bases": bases,
    "resolve": resolve,
    "attribute": attribute,
    "config": config,
}
