"""Publishing presets on Hugging Face."""

from pathlib import Path

from umbed_keras.extras import import_extra
from umbed_keras.files import present
from umbed_keras.typing import PathLike
from umbed_keras.version import __version__
from umbed_keras.zoo.cards import card_text, is_generated
from umbed_keras.zoo.format import CARD, FILES
from umbed_keras.zoo.locations import split_hugging_face_handle
from umbed_keras.zoo.preset_checks import known_classes, read_preset


def upload_preset(handle: str, folder: PathLike, private: bool = False) -> str:
    """Uploads a preset folder to Hugging Face, in one commit.

    A generated card is written anew, so that it states the handle of the upload. A card that
    someone edited is uploaded as it is. The folder itself is not changed.

    Args:
        handle: str, `hf://org/repo[@revision][/subfolder]`. The repository is created if it does
            not exist.
        folder: path of a preset, as `save_to_preset` writes it.
        private: bool, whether a repository that is created is private.

    Returns:
        The handle of the upload, with the commit as its revision.

    Raises:
        ValueError: if `handle` is not a handle of Hugging Face.
        ValueError: if `from_preset` would refuse the folder.
        ImportError: if huggingface_hub is not installed.

    Examples:
        >>> uk.upload_preset("https://huggingface.co/me/my-preset", "my_preset")
        Traceback (most recent call last):
        ValueError: A handle of Hugging Face is hf://org/repo[@revision][/subfolder]. Received: ...
    """
    repository, revision, subfolder = split_hugging_face_handle(handle)
    folder = present(folder)
    config, metadata = read_preset(folder)
    known_classes()[config["registered_name"]].from_preset(folder)
    hub = import_extra("huggingface_hub", "hub")
    suffix = f"/{subfolder}" if subfolder else ""
    files: dict[str, Path | bytes] = {
        name: folder / name for name in FILES if (folder / name).is_file()
    }
    if CARD not in files or is_generated(folder, metadata):
        address = f"hf://{repository}" + (f"@{revision}" if revision else "") + suffix
        name = (subfolder or repository).rpartition("/")[2]
        files[CARD] = card_text(folder, name, metadata, address).encode()
    hub.create_repo(repository, private=private, exist_ok=True)
    if revision:
        hub.create_branch(repository, branch=revision, exist_ok=True)
    prefix = f"{subfolder}/" if subfolder else ""
    commit = hub.create_commit(
        repository,
        [hub.CommitOperationAdd(prefix + name, content) for name, content in files.items()],
        revision=revision,
        commit_message=f"Preset {folder.name} of umbed_keras {__version__}",
    )
    return f"hf://{repository}@{commit.oid}" + suffix
