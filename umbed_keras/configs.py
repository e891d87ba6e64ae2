"""Objects inside a configuration."""

import keras


def with_parts(config, *names):
    """A configuration whose entries of these names are objects, where they are serialised ones."""
    return {
        name: keras.saving.deserialize_keras_object(value)
        if name in names and isinstance(value, dict)
        else value
        for name, value in config.items()
    }
