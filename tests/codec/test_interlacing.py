import numpy as np
import pytest

from umbed_keras.codec.interlacing import DISTANCES, NUM_KINDS, interlaced_passes

pytestmark = pytest.mark.torch_alone

SIZES = [(1, 1), (1, 2), (2, 1), (1, 7), (9, 1), (2, 2), (3, 5), (8, 8), (17, 6)]


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_every_position_is_coded_once_after_its_neighbours(rows, cols):
    known = np.zeros(rows * cols, bool)
    for number, (kind, positions, neighbours) in enumerate(interlaced_passes(rows, cols)):
        assert (kind == 0) == (number == 0)
        assert kind < NUM_KINDS
        assert neighbours.shape == (len(positions), 4)
        assert number == 0 or known[neighbours].all()
        assert not known[positions].any()
        assert len(np.unique(positions)) == len(positions)
        known[positions] = True
    assert known.all()


def test_neighbours_lie_where_the_kind_says():
    cols = 16
    for kind, positions, neighbours in interlaced_passes(16, cols):
        if not kind:
            continue
        distance = (kind - 1) % DISTANCES
        down = np.abs(neighbours // cols - positions[:, None] // cols)
        right = np.abs(neighbours % cols - positions[:, None] % cols)
        # Diagonally as far down as aside, else one of the two.
        far = down if kind <= DISTANCES else down + right
        assert (down == right).all() == (kind <= DISTANCES)
        assert (far == 2**distance).all() or (distance == DISTANCES - 1 and (far > 2).all())


def test_few_passes_do():
    assert len(list(interlaced_passes(512, 512))) == 1 + 2 * 9
