"""The seam between models and the pretrained networks whose features they describe."""

from typing import ClassVar

import keras


class Backbone(keras.layers.Layer):
    """Base of the frozen layers that map images to feature maps.

    A subclass declares

    - `strides`: ints, pixels between the places of each map, finest first, each a multiple of the
      one before;
    - `channels`: ints, of each map;
    - `shares`: floats, how much each map counts among the features that a model describes;
    - `image_channels`: int, of the images that it takes, where it isn't 3;
    - `reach`: int, how many pixels beyond its own `stride x stride` pixels a place of any map looks
      at most; None where it looks at the whole image;
    - `floats_per_pixel`: int, numbers that live at once while a pixel's features are computed,
      from which tiles are sized;

    and implements `call`: float images in 0..1 `(batch, height, width, image_channels)` give a list
    of maps `(batch, height / stride, width / stride, channels)`, sizes rounded up. Models pass
    heights and widths that are multiples of the coarsest stride. Nothing in a backbone learns.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ()
    preset_limits: ClassVar = {}

    # The entry of a preset's configuration in which one may stand.
    preset_role = "backbone"
    image_channels = 3
    floats_per_pixel = 128

    def __init__(self, **kwargs):
        # Images are scaled before they are rounded to the compute dtype.
        super().__init__(trainable=False, autocast=False, **kwargs)

    @property
    def trainable(self):
        """False, whatever it is set to, by a model that is to be trained whole, for example."""
        return False

    @trainable.setter
    def trainable(self, value):
        pass

    def call(self, images):
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return [
            (batch, *(side and -(-side // stride) for side in (height, width)), channels)
            for stride, channels in zip(self.strides, self.channels, strict=True)
        ]

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return config
