"""Compares the bytes of `compress` with the entropy of codes, and measures its time.

    python examples/benchmarks/real_bytes.py IMAGES --presets celeba_vqvae_k512

Bytes with all headers, on the held-out tenth of IMAGES, are compared with
`bits(codes).entropy_coded` of the same images. Times are CPU times on an enlarged image of 512x512,
the fastest of several runs, minus those of `encode` or `decode`.
"""

import time

import _measure as measure
import numpy as np
from PIL import Image

import umbed_keras as uk
from umbed_keras.images.squares.sources import load_split

SIDE = 512


def processor_seconds(repeats, *functions):
    """Measures the fastest of several alternating runs of each function, in CPU time."""
    seconds = []
    for _ in range(repeats):
        times = [time.process_time()]
        for function in functions:
            function()
            times.append(time.process_time())
        seconds.append(np.diff(times))
    return np.min(seconds, axis=0)


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--presets", nargs="+", required=True)
    args = parser.parse_args()
    _, images = load_split(args.images, args.size, 40 if args.quick else None)
    large = np.asarray(Image.fromarray(images[0]).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    large = large[None]
    print("preset, bits a pixel, entropy-coded, ratio, s of compress, s of decompress")
    for handle in args.presets:
        model = uk.zoo.load_preset(handle)
        rate = uk.metrics.BitsPerPixel(model.bottleneck)
        rate.update_state(model.encode(images), int(np.prod(images.shape[:3])))
        entropy = rate.result()["entropy_coded"]
        bits = 8 * sum(map(len, model.compress(images))) / np.prod(images.shape[:3])
        codes, streams = model.encode(large), model.compress(large)
        encode, compress, decode, decompress = processor_seconds(
            args.repeats,
            lambda model=model: model.encode(large),
            lambda model=model: model.compress(large),
            lambda model=model, codes=codes: model.decode(codes),
            lambda model=model, streams=streams: model.decompress(streams),
        )
        print(
            f"{handle}, {bits:.4f}, {entropy:.4f}, {bits / entropy:.3f}, "
            f"{compress - encode:.3f}, {decompress - decode:.3f}"
        )


if __name__ == "__main__":
    main()
