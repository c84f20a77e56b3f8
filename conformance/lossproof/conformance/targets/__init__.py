"""Where an API runs: how a target is written, and the environments that are built for it."""
