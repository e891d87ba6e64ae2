"""Which channels of an image an embedder sees together."""

from collections.abc import Sequence

from umbed_keras.images.image import Image


def chosen_channels(image: Image, channels: Sequence[int | str] | None = None) -> tuple[int, ...]:
    """Returns the indices of the channels to describe.

    Args:
        image: `Image`.
        channels: indices or names of channels, in the order in which to use them; None takes all
            that hold intensities.

    Raises:
        ValueError: if `channels` is empty or names a channel that the image does not have.

    Examples:
        >>> from umbed_keras.images.image import Details
        >>> image = Image(np.zeros((2, 8, 8)), "cyx", Details(channel_names=("DAPI", "GFP")))
        >>> chosen_channels(image, ["GFP"])
        (1,)
    """
    if channels is None:
        return image.channels
    count, names = image.sizes.get("c", 1), image.channel_names
    indices = []
    for channel in channels:
        index = names.index(channel) if channel in names else channel
        if isinstance(index, bool) or index not in range(count):
            known = f", called {list(names)}" if names else ""
            raise ValueError(
                f"`channels` must be some of the {count} channels of {image.name}{known}. "
                f"Received: {channel!r}"
            )
        indices.append(int(index))
    if not indices:
        raise ValueError("`channels` must name at least one channel. Received none.")
    return tuple(indices)


def channel_groups(
    image: Image, embedder_channels: int, channels: Sequence[int | str] | None = None
) -> list[tuple[int, ...]]:
    """Returns which channels an embedder takes together, one group after the other.

    Three colour channels go to an embedder of three channels together, and one channel is repeated
    three times. An image of any other number of channels is described channel by channel, and the
    vectors stand one after the other. An embedder of another number of channels takes as many.

    Args:
        image: `Image`.
        embedder_channels: number of channels that the embedder takes.
        channels: indices or names of the channels to use, in order; None takes all.

    Returns:
        List of tuples of `embedder_channels` indices.

    Raises:
        ValueError: if an embedder of neither one nor three channels meets an image of another
            number, or `channels` names none of the image.

    Examples:
        >>> channel_groups(Image(np.zeros((8, 8, 3), "uint8")), embedder_channels=3)
        [(0, 1, 2)]
        >>> channel_groups(Image(np.zeros((2, 8, 8)), "cyx"), embedder_channels=3)
        [(0, 0, 0), (1, 1, 1)]
    """
    chosen = chosen_channels(image, channels)
    colors = image.is_rgb and set(chosen) <= {0, 1, 2}
    if embedder_channels == 3 and len(chosen) == 3 and colors:
        return [chosen]
    if embedder_channels in (1, 3):
        return [(channel,) * embedder_channels for channel in chosen]
    if len(chosen) != embedder_channels:
        raise ValueError(
            f"The embedder takes images of {embedder_channels} channels. Received: "
            f"{len(chosen)} of {image.name}; `channels` chooses some."
        )
    return [chosen]
