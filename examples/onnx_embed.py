"""Embeds an image with an ONNX file, without Keras or umbed_keras.

    python -c "import umbed_keras as uk
    model = uk.PixelEmbedder.from_preset('free_lite0_vae_d32')
    model.export_onnx('embed.onnx', what='embed')"
    python examples/onnx_embed.py embed.onnx examples/astronaut.jpg vectors.npz

Needs onnxruntime, numpy and pillow. Each output of the file (`vectors`, or the arrays of the codes)
is saved under its own name, with shape `(height, width, ...)`. Large images are computed in tiles,
with the same result.
"""

import argparse

import numpy as np
import onnxruntime
from PIL import Image


def embed(
    session: onnxruntime.InferenceSession, image: np.ndarray, tile_size: int = 512
) -> dict[str, np.ndarray]:
    """Runs an ONNX file on an image, in tiles if it is large.

    Args:
        session: `onnxruntime.InferenceSession` of a file whose input is images.
        image: uint8 `(height, width, channels)`.
        tile_size: int, in pixels. Larger images are computed in tiles where the metadata of the
            file allows it.

    Returns:
        Dictionary from the name of an output to its array `(height, width, ...)`.
    """
    metadata = session.get_modelmeta().custom_metadata_map
    height, width, _ = image.shape
    stride, margin = int(metadata.get("stride", 0)), int(metadata.get("margin", 0))
    step = tile_size // stride * stride if stride else max(height, width)
    names = [output.name for output in session.get_outputs()]
    outputs = {}
    for top in range(0, height, step):
        for left in range(0, width, step):
            # A window is a tile with the margin that its vectors depend on.
            first_row, first_col = max(top - margin, 0), max(left - margin, 0)
            window = image[first_row : top + step + margin, first_col : left + step + margin]
            pixels = window[None].astype("float32") / 255
            for name, part in zip(names, session.run(names, {"images": pixels}), strict=True):
                whole = outputs.setdefault(
                    name, np.empty((height, width, *part.shape[3:]), part.dtype)
                )
                tile = part[0, top - first_row :, left - first_col :][:step, :step]
                whole[top : top + step, left : left + step] = tile
    return outputs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="file written by `export_onnx` with what='embed' or 'encode'")
    parser.add_argument("image")
    parser.add_argument("output", help=".npz file to write")
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
