"""Implementations of two documented APIs, one right and each of the others wrong in one way.

`tests/conformance/data` documents `cosine_similarity` and `CosineLoss`; the suite's own tests put the others in
their place and ask for the verdict that each deserves.
"""

from faulty_answers import *  # noqa: F403
from faulty_losses import *  # noqa: F403
from faulty_values import *  # noqa: F403
