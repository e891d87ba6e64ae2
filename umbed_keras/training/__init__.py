"""What a training needs beside the model."""

from umbed_keras.training.training_backup import TrainingBackup

__all__ = ["TrainingBackup"]
