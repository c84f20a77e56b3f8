"""training: a step down the loss moves the pair the way the documentation says, in use as documented."""

from __future__ import annotations

from lossproof.conformance.cases.cases import judge_case
from lossproof.conformance.judging.outcome import Property, nowhere

PROPERTY = Property("training", "training", "the documented effect of minimising", nowhere, judge_case)
