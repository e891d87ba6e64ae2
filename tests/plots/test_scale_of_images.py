"""Images of figures are of one scale, or refused."""

import numpy as np
import pytest

import umbed_keras as uk

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.torch_alone

BYTES = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), dtype="uint8")
FLOATS = BYTES / np.float32(255)
INDICES = np.random.default_rng(0).integers(0, 4, (2, 6, 8))
VECTORS = np.random.default_rng(0).normal(size=(6, 8, 4))
PYRAMIDS = np.random.default_rng(0).random((2, 3, 4, 4, 3))

FIGURES = {
    "reconstructions": lambda x: uk.plots.reconstructions(FLOATS, {"a": x}),
    "reconstructions of": lambda x: uk.plots.reconstructions(x, {"a": FLOATS}),
    "channel_slice": lambda x: uk.plots.channel_slice(FLOATS[0], {"a": x[0]}),
    "channel_slice of": lambda x: uk.plots.channel_slice(x[0], {"a": FLOATS[0]}),
    "embedding": lambda x: uk.plots.embedding(x[0], VECTORS, FLOATS[0]),
    "embedding rebuilt": lambda x: uk.plots.embedding(FLOATS[0], VECTORS, x[0]),
    "code_heatmaps": lambda x: uk.plots.code_heatmaps(x, INDICES, INDICES[..., None] * 0.5),
    "atom_gallery": lambda x: uk.plots.atom_gallery(x, INDICES),
    "clusters": lambda x: uk.plots.clusters(x[0], INDICES[0]),
    "similarity": lambda x: uk.plots.similarity(x[0], VECTORS, 1, 1),
}


def drawn(figure):
    """All numbers that a figure draws as pictures and lines."""
    pictures = [np.asarray(i.get_array()) for axis in figure.axes for i in axis.images]
    return [*pictures, *(line.get_ydata() for axis in figure.axes for line in axis.get_lines())]


@pytest.mark.parametrize("name", FIGURES)
def test_bytes_are_drawn_as_the_floats_that_they_stand_for(name):
    actual, expected = (drawn(FIGURES[name](images)) for images in (BYTES, FLOATS))
    for part, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(part, other, atol=1e-6)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    ("wrong", "error"), [(BYTES.astype("float32"), ValueError), (BYTES.astype("int64"), TypeError)]
)
def test_other_scales_are_refused(name, wrong, error):
    with pytest.raises(error, match=r"must be uint8 \(0\.\.255\) or floats in 0\.\.1"):
        FIGURES[name](wrong)


def test_shapes_and_positions_that_do_not_fit_are_refused():
    cases = [
        (lambda: uk.plots.reconstructions(FLOATS, {"a": FLOATS[:1]}), "must have shape"),
        (lambda: uk.plots.reconstructions(FLOATS, {"a": FLOATS}, error_limit=-1), "`error_limit`"),
        (lambda: uk.plots.channel_slice(FLOATS[0], {"a": FLOATS[0, :4]}), "must have shape"),
        (lambda: uk.plots.channel_slice(FLOATS[0], {"a": FLOATS[0]}, row=-1), "`row` must be"),
        (lambda: uk.plots.embedding(FLOATS[0], VECTORS[:4], FLOATS[0]), "`vectors` must have"),
        (lambda: uk.plots.embedding(FLOATS[0], VECTORS, FLOATS[0], pixel=(-1, 1)), "`pixel` must"),
        (lambda: uk.plots.patch_pyramids(PYRAMIDS, PYRAMIDS[:1]), "must have shape"),
        (lambda: uk.plots.patch_pyramids(255 * PYRAMIDS, PYRAMIDS), "floats in"),
        (lambda: uk.plots.usage_bars({"a": [-1, 2]}), "at least 0"),
        (lambda: uk.plots.usage_bars({"a": [np.nan, 2]}), "at least 0"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
