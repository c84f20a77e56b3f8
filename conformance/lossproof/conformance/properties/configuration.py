"""configuration: get_config, from_config and the name do what the documentation says."""

from __future__ import annotations

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.judging.outcome import Property, nowhere

PROPERTY = Property("configuration", "configuration", "the documented configuration", nowhere, judge_case)
