"""The pytest plugin: a test that says "this function conforms to that API" becomes one test for each cell.

    @pytest.mark.conforms_to("torch.nn.functional.cosine_similarity", cosine)
    def test_cosine(conformance):
        conformance()

pytest imports this module wherever lossproof is installed, so it imports nothing of lossproof until it is used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lossproof.conformance.usercode.pytest_items import Conformance

MARKER = (
    "conforms_to(api, code, *, arrays='auto', edition=None, properties=(), dtypes=(), regions=(), examples=None, "
    "seed=None, ledger=None, severity='S2', timeout=10, python=None): the function or class `code` (or 'FILE.py:NAME', "
    "'MODULE:NAME') conforms to the documentation of `api`; the test takes the fixture `conformance` and calls it."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of all tests with the marker, for what the marker itself leaves open."""
    group = parser.getgroup("lossproof-own", "lossproof: code of your own (marker conforms_to)")
    group.addoption(
        "--lossproof-examples",
        type=int,
        default=2,
        metavar="N",
        help="batches of 64 rows a cell (default: 2)",
    )
    group.addoption("--lossproof-seed", type=int, default=0, metavar="N", help="seed of the run (default: 0)")
    group.addoption(
        "--lossproof-ledger", default=None, metavar="FILE", help="a ledger of known findings, in YAML"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each cell of a marked test, and for each finding of its ledger."""
    marks = list(metafunc.definition.iter_markers("conforms_to"))
    if not marks:
        return
    if "conformance" not in metafunc.fixturenames:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} is marked conforms_to and lacks the fixture; write "
            f"def {metafunc.definition.name}(conformance): conformance()"
        )
    # late: pytest loads this plugin everywhere, and few tests are marked
    from lossproof.conformance.usercode.pytest_items import parameters

    metafunc.parametrize(
        "conformance", parameters(metafunc.config, metafunc.definition, marks), indirect=True
    )


@pytest.fixture
def conformance(request: pytest.FixtureRequest) -> Conformance:
    """The function that a test marked conforms_to calls: it judges one cell, and ends the test as the verdict asks."""
    if not hasattr(request, "param"):
        raise pytest.UsageError(
            f"{request.node.nodeid} takes the fixture conformance; mark it with "
            "@pytest.mark.conforms_to(API, FUNCTION)"
        )
    # late: pytest loads this plugin everywhere, and few tests are marked
    from lossproof.conformance.usercode.pytest_items import Conformance

    return Conformance(request, request.param)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the workers, where any was started."""
    if "lossproof.conformance.usercode.pytest_items" in sys.modules:
        sys.modules["lossproof.conformance.usercode.pytest_items"].close(config)
