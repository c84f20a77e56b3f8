"""The adapter of a fake with two releases: COMPARED_AS names the function of `faulty` behind one API.

Both releases are asked by the same name, so they are asked the same bytes. Python 3.7 syntax.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fake_adapter
from fake_adapter import MODES, grad, info, make, read  # noqa: F401  # an adapter's face


def resolve(api):
    """The function that this release has behind the name; nothing where it has none."""
    name = os.environ["COMPARED_AS"]
    if not name:
        raise AttributeError("module 'faulty' has no attribute 'cosine_similarity'")
    return fake_adapter.resolve("faulty." + name)
