"""Parameters of tests that run on PyTorch alone."""

import pytest


def torch_alone(*values):
    """Returns a parameter of each value, of which other backends' runs would say nothing new."""
    return [pytest.param(value, marks=pytest.mark.torch_alone) for value in values]
