"""How an API is executed: the framework's mode and the device, and the cells that a mode is asked in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lossproof.conformance.model.subject import CellKey
from lossproof.conformance.model.suggestions import either
from lossproof.specs import extensions, vocabulary


@dataclass(frozen=True)
class Cells:
    """The cells that a mode is asked in: those of these properties, in these regions; `cases`: those of cases, too."""

    properties: frozenset[str]
    regions: frozenset[str]
    cases: bool = False

    def __str__(self) -> str:
        properties, regions = (either(sorted(names)) for names in (self.properties, self.regions))
        return f"{properties} in the region {regions}"

    def takes(self, key: CellKey) -> bool:
        """Whether a cell is asked."""
        if key.variant.case:
            return self.cases
        return key.property in self.properties and key.region in self.regions


@dataclass(frozen=True)
class Mode:
    """A way in which a framework executes a call. `cells` are those that it is asked in, None for all."""

    name: str
    words: str
    cells: Cells | None = None

    @property
    def partial(self) -> bool:
        """Whether some cells are left out, so that a claim may lack those that decide it."""
        return self.cells is not None

    def takes(self, key: CellKey) -> bool:
        """Whether a cell is asked in this mode."""
        return self.cells is None or self.cells.takes(key)


@dataclass(frozen=True)
class Device:
    """A kind of hardware, and the variables of a worker's environment that keep it from any other."""

    name: str
    words: str
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)


# Compiling costs seconds for each shape, and a compiler rewrites arithmetic, not the handling of options: so values and
# gradients are asked where they are ordinary and where a rule of its own begins, and whether rows stay apart.
COMPILED = Cells(
    frozenset(("value", "zero_vector", "gradient", "batch")),
    frozenset(("ordinary", "zero")),
)
MODES = {
    mode.name: mode
    for mode in (
        Mode("eager", "each operation runs when it is called"),
        Mode("graph", "the call is built into a graph, which a session runs (TensorFlow 1)"),
        Mode("compiled", "torch.compile, tf.function, jax.jit or mx.compile", COMPILED),
        Mode("xla", "compiled by XLA", COMPILED),
        Mode("autocast", "with a narrower dtype where the framework chooses it", COMPILED),
        Mode("vmap", "mapped over the rows", COMPILED),
        Mode("inference", "without a record for gradients", COMPILED),
    )
}
"""The built-in modes by name. An adapter has some of them, that in which it answers unless asked otherwise first."""

DEVICES = {
    device.name: device
    for device in (
        Device("cpu", "the processor", {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}),
        Device("cuda", "a GPU of NVIDIA's"),
        Device("mps", "a GPU of Apple's", {"CUDA_VISIBLE_DEVICES": ""}),
    )
}
"""The devices by name."""
CPU = "cpu"


def mode_called(name: str) -> Mode:
    """The mode of that name, built in or brought by an installed package.

    One that nobody describes, as an extension's adapter may answer in, is asked in every cell.
    """
    return MODES.get(name) or extensions.objects(vocabulary.MODES.group).get(name) or Mode(name, "")


@dataclass(frozen=True)
class Execution:
    """A mode, "" for the one that a framework answers in unless asked otherwise, and a device."""

    mode: str = ""
    device: str = CPU

    def __str__(self) -> str:
        """As it ends the text of a target: `:compiled@cuda`, "" for the usual."""
        device = "" if self.device == CPU else f"@{self.device}"
        return f":{self.mode}{device}" if self.mode else device


USUAL = Execution()
