"""Embeds an image with a model that has become an ONNX file: neither Keras nor umbed_keras.

    python -c "import umbed_keras as uk
    model = uk.PixelEmbedder.from_preset('natural_lite0_vae_d32')
    model.export_onnx('embed.onnx', what='embed')"
    python examples/onnx_embed.py embed.onnx examples/astronaut.jpg vectors.npz

It needs onnxruntime, numpy and pillow. What the file gives, `vectors` or codes, is written under
its name, `(height, width, ...)`. Large images go through it in tiles, with the same result.
"""

import argparse

import numpy as np
import onnxruntime
from PIL import Image


def embed(session, image, tile_size=512):
    """What a file gives of an image.

    Args:
        session: `onnxruntime.InferenceSession` of a file that takes images.
        image: uint8 `(height, width, channels)`.
        tile_size: int, pixels; larger images are cut up, if the file says that they can be.

    Returns:
        Dictionary of arrays `(height, width, ...)`.
    """
    known = session.get_modelmeta().custom_metadata_map
    height, width, _ = image.shape
    stride, margin = int(known.get("stride", 0)), int(known.get("margin", 0))
    step = tile_size // stride * stride if stride else max(height, width)
    names = [output.name for output in session.get_outputs()]
    wholes = {}
    for top in range(0, height, step):
        for left in range(0, width, step):
            # A tile sees its surroundings, as far as a vector depends on them.
            above, before = max(top - margin, 0), max(left - margin, 0)
            view = image[above : top + step + margin, before : left + step + margin]
            pixels = view[None].astype("float32") / 255
            for name, part in zip(names, session.run(names, {"images": pixels}), strict=True):
                whole = wholes.setdefault(
                    name, np.empty((height, width, *part.shape[3:]), part.dtype)
                )
                inside = part[0, top - above :, left - before :][:step, :step]
                whole[top : top + step, left : left + step] = inside
    return wholes


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="file that `export_onnx` wrote, what='embed' or 'encode'")
    parser.add_argument("image")
    parser.add_argument("output", help=".npz")
    args = parser.parse_args()
    session = onnxruntime.InferenceSession(args.model)
    for name, text in session.get_modelmeta().custom_metadata_map.items():
        print(f"{name}: {text}")
    channels = session.get_inputs()[0].shape[3]
    image = np.asarray(Image.open(args.image).convert("L" if channels == 1 else "RGB"))
    outputs = embed(session, image.reshape(*image.shape[:2], channels))
    np.savez(args.output, **outputs)
    for name, array in outputs.items():
        print(f"{args.output}: {name} {array.shape} {array.dtype}")


if __name__ == "__main__":
    main()
