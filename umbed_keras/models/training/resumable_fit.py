"""Training with Adam on a falling learning rate, which resumes after an interruption."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from umbed_keras.images.squares.training_images import TrainingImages
from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.models.base.training_backup import TrainingBackup
from umbed_keras.typing import PathLike


def resumable_fit(
    model: ImageModel,
    images: TrainingImages,
    folder: PathLike,
    epochs: int,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    epsilon: float = 1e-7,
    metrics: Sequence[keras.metrics.Metric] = (),
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Trains a model with Adam and a cosine schedule, or resumes an interrupted training.

    Args:
        model: model of umbed_keras.
        images: `TrainingImages`.
        folder: path of the folder of `training_state.npz`, by which a training resumes, and
            `log.csv`.
        epochs: number of epochs, at the end of which the learning rate is 0.
        batch_size: images of a step; folders have their own.
        learning_rate: first learning rate.
        epsilon: constant of Adam.
        metrics: metrics to report.
        callbacks: further callbacks of `fit`.

    Returns:
        `keras.callbacks.History` of the epochs that this call trained.

    Raises:
        ValueError: if `folder` holds the training of another model.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> squares = np.zeros((3, 8, 8, 3), "uint8")
        >>> images = TrainingImages(squares[:2], squares[2:])
        >>> resumable_fit(model, images, "mine", epochs=1).epoch  # doctest: +SKIP
        [0]
        >>> resumable_fit(model, images, "mine", epochs=1).epoch  # doctest: +SKIP
        []
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    train = images.train
    array = isinstance(train, np.ndarray)
    steps = epochs * (-(-len(train) // batch_size) if array else train.num_batches)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule, epsilon=epsilon), metrics=list(metrics))
    log = keras.callbacks.CSVLogger(folder / "log.csv", append=True)
    return model.fit(
        train,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=images.held_out,
        callbacks=[TrainingBackup(folder), log, *callbacks],
    )
