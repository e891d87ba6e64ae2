import numpy as np
import pytest

from umbed_keras.ops.pareto import pareto_front

pytestmark = pytest.mark.torch_alone


def test_points_with_a_cheaper_equal_are_left_out():
    costs = np.array([3.0, 1.0, 2.0, 2.0, 4.0])
    values = np.array([5.0, 4.0, 4.0, 6.0, 7.0])
    assert pareto_front(costs, values).tolist() == [1, 3, 4]


def test_no_points_have_an_empty_front():
    assert pareto_front(np.zeros(0), np.zeros(0)).tolist() == []
