"""One target's session, a run over all targets, and the findings and claims that come of it."""
