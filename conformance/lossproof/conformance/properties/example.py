"""example: the documentation's own worked examples give what is printed beside them."""

from __future__ import annotations

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.judging.outcome import Property, nowhere

PROPERTY = Property("example", "documentation", "the documented examples", nowhere, judge_case)
