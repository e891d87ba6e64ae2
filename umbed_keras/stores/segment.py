"""Segments an image or a folder of images on disk into a Zarr store of classes.

    python -m umbed_keras.stores.segment classifier.npz slide.tif classes.zarr

The same command continues after an interruption. The exit status is 0 if everything is written,
and 1 otherwise; a message then says what is wrong and lists the images and tiles that failed.
"""

import argparse
import signal
import sys

from umbed_keras.extras import import_extra
from umbed_keras.stores.embed import add_work_arguments
from umbed_keras.stores.segmentation import segment_store


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m umbed_keras.stores.segment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("classifier", help="file that `PixelClassifier.save` wrote")
    parser.add_argument("source", help="image of any kind, or a folder of images")
    parser.add_argument("target", help="Zarr store to write")
    parser.add_argument("--probabilities", action="store_true", help="write those of all classes")
    parser.add_argument("--uncertainty", action="store_true", help="write their entropy")
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    add_work_arguments(parser, memory_budget=2048)
    args = parser.parse_args()
    # An exception, unlike the signal alone, also ends the workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        client = args.scheduler and import_extra("distributed", "stores").Client(args.scheduler)
        segment_store(
            args.classifier,
            args.source,
            args.target,
            args.probabilities,
            args.uncertainty,
            workers=args.workers,
            client=client,
            shard=args.shard,
            memory_budget=args.memory_budget << 20,
            axes=args.axes,
        )
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
