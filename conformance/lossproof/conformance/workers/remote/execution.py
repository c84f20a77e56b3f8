"""A question as an adapter gets it: an API with its options as a function of its arrays, in a mode, on a device.

Loaded by worker.py: Python 3.7 syntax, NumPy alone. The worker owns what the options say and where each array goes; an
adapter turns a function of arrays into one that its framework has compiled, and differentiates it.
"""

import lossproof_worker as worker

EAGER = "eager"
"""The mode in which a function is called as it is."""


class Call(object):
    """An API with its options, as a function of its arrays in the order of `names`; nested lists stay with the options.

    `values` are the native arrays. `key` is equal for calls whose compiled form is the same, and None where an object
    was constructed or a list given: either may hold a state.
    """

    def __init__(self, resolve, api, arrays, asked):
        self.api, self._given = api, (resolve, api, arrays, asked)
        self.function = constructed(resolve, api, asked)
        self.options = worker.plain_options(asked["call"], resolve)
        self.positional, self.order = asked["positional"], list(arrays)
        with worker.harness("make the arrays"):
            made = {name: given.value for name, given in arrays.items()}
        self.names = [name for name, given in arrays.items() if given.form != "list"]
        self.values = [made[name] for name in self.names]
        self.lists = {name: value for name, value in made.items() if name not in self.names}
        forms = [
            (name, given.dtype, given.shape, given.layout, given.device) for name, given in arrays.items()
        ]
        self.key = None if self.lists or asked["init"] is not None else repr((api, asked, forms))

    def __call__(self, *values):
        """The API's own result."""
        arrays = dict(self.lists)
        arrays.update(zip(self.names, values))  # noqa: B905
        if self.positional:
            return self.function(*[arrays[name] for name in self.order], **self.options)
        arrays.update(self.options)
        return self.function(**arrays)

    def anew(self):
        """The same call with its object constructed again, where this is called: in a graph of its own, for one."""
        return Call(*self._given)


def constructed(resolve, api, asked):
    """The API, or the object that its `init` constructs; `rebuild` asks for one made from its configuration."""
    found = resolve(api)
    if asked["init"] is None:
        return found
    thing = found(**worker.plain_options(asked["init"], resolve))
    return found.from_config(thing.get_config()) if asked.get("rebuild") else thing


def answer(adapter, api, arrays, asked, mode, wrt=None):
    """The native result of a call in a mode, or its gradient with respect to the array called `wrt`.

    Raises `Unsupported` where the adapter has no such mode, and where nothing shows that the mode was used: a
    framework may fall back to eager execution and say nothing.
    """
    call = Call(adapter.resolve, api, arrays, asked)
    executable = executed(adapter, call, mode)
    before = worker.RUNS["compiled"]
    if wrt is None:
        result = executable(*call.values)
    else:
        with worker.harness("find the array " + wrt):
            place = call.names.index(wrt)
        result = adapter.grad(executable, call.values, place)
    evaluate = getattr(adapter, "evaluate", None)
    if evaluate is not None:
        result = evaluate(result)
    if mode != EAGER and worker.RUNS["compiled"] == before:
        raise worker.Unsupported("the call fell back to eager execution: mode {} was not used".format(mode))
    return result


def executed(adapter, call, mode):
    """The call itself, or as the adapter executes it in another mode."""
    if mode not in adapter.MODES:
        message = "no mode {} here; there is {}"
        raise worker.Unsupported(message.format(mode, " and ".join(adapter.MODES)))
    return call if mode == EAGER else adapter.execute(call, mode)
