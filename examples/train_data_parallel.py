"""Trains a pixel embedder on several devices, which share every batch.

    python examples/train_data_parallel.py IMAGES                             # TensorFlow, JAX
    torchrun --nproc-per-node 2 examples/train_data_parallel.py IMAGES        # PyTorch

IMAGES is a folder, a tar or an .npz. TensorFlow and JAX use all GPUs. Without GPUs the CPU is split
into several devices (`--cpus`; on PyTorch into the processes of `torchrun`). The result is the same
as on one device. The preset and the training log are written to the output folder.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import umbed_keras as uk

# isort: split
# umbed_keras chooses the backend of Keras, so it is imported first.
import keras

from umbed_keras.images.squares.sources import load_split


@contextlib.contextmanager
def all_devices(cpus: int = 2) -> Iterator[tuple[int, bool]]:
    """Opens a scope in which models are trained on all devices.

    Must be entered before the backend is first used.

    Args:
        cpus: int, number of devices that the CPU is split into where there are no GPUs. Ignored on
            PyTorch, where `torchrun` starts the processes.

    Yields:
        `(devices, writes)`: the number of devices, and True in the process that writes files.
    """
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_num_cpu_devices", cpus)
        with keras.distribution.DataParallel().scope():
            yield jax.device_count(), True
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            (cpu,) = tf.config.list_physical_devices("CPU")
            parts = [tf.config.LogicalDeviceConfiguration()] * cpus
            tf.config.set_logical_device_configuration(cpu, parts)
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        with tf.distribute.MirroredStrategy([device.name for device in devices]).scope():
            yield len(devices), True
    else:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.distributed.init_process_group()
        try:
            yield torch.distributed.get_world_size(), torch.distributed.get_rank() == 0
        finally:
            torch.distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--output", type=Path, default=Path("runs/data_parallel"))
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=16, help="over all devices")
    parser.add_argument("--cpus", type=int, default=2, help="devices that the CPU is split into")
    args = parser.parse_args()
    train, validation = load_split(args.images, args.size, args.limit)
    args.output.mkdir(parents=True, exist_ok=True)
    with all_devices(args.cpus) as (devices, writes):
        # Every batch, also the last, is divided equally among the devices.
        train, validation = (
            images[: len(images) // devices * devices] for images in (train, validation)
        )
        model = uk.PixelEmbedder(latent_dim=16)
        model.compile(optimizer="adam")
        log = [keras.callbacks.CSVLogger(args.output / "log.csv")] if writes else []
        model.fit(
            train,
            batch_size=args.batch_size,
            epochs=args.epochs,
            validation_data=validation,
            callbacks=[uk.TrainingBackup(args.output), *log],
        )
        if writes:
            model.save_to_preset(args.output / "preset")


if __name__ == "__main__":
    main()
