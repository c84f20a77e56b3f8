"""Lets `pytest conformance` know the suite's options; the suite itself lies in lossproof/conformance/suite."""

from lossproof.conformance.suite.options import pytest_addoption

__all__ = ["pytest_addoption"]
