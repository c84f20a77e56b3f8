"""signature: names, order and defaults of the parameters, base classes and aliases are the documented ones."""

from __future__ import annotations

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.judging.outcome import Property, nowhere

PROPERTY = Property("signature", "configuration", "the documented signature", nowhere, judge_case)
