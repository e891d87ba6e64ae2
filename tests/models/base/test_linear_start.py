"""What a subclass must give `adapt`."""

import numpy as np
import pytest

from umbed_keras.layers import VectorQuantizer
from umbed_keras.models.base.image_model import ImageModel

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype="uint8")


class Unfinished(ImageModel):
    def __init__(self):
        super().__init__(VectorQuantizer(4, 2), channels=3, seed=0)
        self.build((None, None, None, 3))


class WithSamples(Unfinished):
    def sample_for_start(self, images, count, random):
        return random.standard_normal((count, 5), dtype="float32")


class Finished(WithSamples):
    def set_linear_start(self, mean, components, deviations, scale):
        self.shapes = [part.shape for part in (mean, components, deviations, scale)]


@pytest.mark.parametrize(
    ("model_class", "hook"),
    [(Unfinished, "sample_for_start"), (WithSamples, "set_linear_start")],
)
def test_a_subclass_without_a_hook_is_told_which(model_class, hook):
    model = model_class()
    with pytest.raises(NotImplementedError, match=f"{model_class.__name__} must .*`{hook}"):
        model.adapt(IMAGES)
    assert not model.adapted_already


def test_weighing_samples_is_optional():
    model = Finished()
    model.adapt(IMAGES)
    assert model.adapted_already
    assert model.shapes == [(5,), (5, 2), (2,), (2,)]
