"""Rates and reconstructions of trained image autoencoders."""

import json

import keras
import numpy as np

import umbed_keras as uk
from umbed_keras.ops.rate import sparse_map_bits
from umbed_keras.zoo.format import CONFIG
from umbed_keras.zoo.locations import find_preset

# Bits of coefficients that are measured in addition to those of training.
COEFFICIENT_BITS = (3, 4, 5, 6, 8)


def preset_points(handle, images):
    """Measures a preset on images and, if it is a `DLVAE`, with other bits of coefficients.

    Args:
        handle: name of a built-in preset, or folder of a preset.
        images: uint8 `(n, height, width, 3)`.

    Yields:
        `(setting, fixed-length bits, entropy-coded bits, images)`: a dictionary, in which
        `"bpp by the layer"` is the entropy as the layer counts it; bits per pixel; reconstructions
        in 0..1.
    """
    config = json.loads((find_preset(handle) / CONFIG).read_text())
    model_class = keras.saving.get_registered_object(config["registered_name"])
    model = model_class.from_preset(handle)
    trained = getattr(model.bottleneck, "coefficient_bits", None)
    yield _point(model, images)
    if isinstance(model, uk.DLVAE) and trained:
        for bits in COEFFICIENT_BITS:
            if bits != trained:
                yield _point(model_class.from_preset(handle, coefficient_bits=bits), images)


def _point(model, images):
    codes = model.encode(images)
    pixels = int(np.prod(images.shape[:3]))
    rate = uk.metrics.BitsPerPixel(model.bottleneck)
    rate.update_state(codes, pixels)
    fixed, coded = rate.result().values()
    config = model.bottleneck.get_config()
    names = {"num_embeddings": "K", "num_atoms": "K", "num_quantizers": "S", "sparsity": "S"}
    names |= {"coefficient_bits": "b", "quantization": "law", "selection": "selection"}
    setting = {short: config[name] for name, short in names.items() if name in config}
    setting["bpp by the layer"] = coded
    if setting.get("b"):
        # Counted as in `patch_codecs`.
        sparse = [codes[name].reshape(-1, setting["S"]) for name in ("indices", "coefficients")]
        coded = sparse_map_bits(*sparse, setting["K"]) * len(sparse[0]) / pixels
    return setting, fixed, coded, model.decode(codes, size=images.shape[1:3])
