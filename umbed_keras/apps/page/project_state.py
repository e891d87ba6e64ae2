"""A project as the page lists it."""

from typing import Any

import numpy as np

from umbed_keras.models import PixelEmbedder
from umbed_keras.segmentation.project.project import Project


def project_state(project: Project) -> dict[str, Any]:
    """Returns the classes and images of a project, as JSON knows them.

    Args:
        project: `Project`.

    Examples:
        >>> state = project_state(Project({1: "sky"}))
        >>> state["classes"], state["images"]
        ([{'number': 1, 'name': 'sky', 'color': '#d55e00', 'count': 0}], [])
    """
    counts, images = dict.fromkeys(project.classes, 0), []
    for key, image in project.images.items():
        for runs in image.runs.values():
            for number in np.unique(runs[:, 2]):
                counts[int(number)] += int(runs[runs[:, 2] == number, 1].sum())
        images.append(
            {
                "key": key,
                "name": image.name,
                "height": image.shape[0],
                "width": image.shape[1],
                "axes": "".join(axis for axis in image.sizes if axis in "tz"),
                "planes": list(image.plane_shape),
                "labelled": [list(plane) for plane in image.runs],
                "missing": not image.is_present(),
            }
        )
    classes = [
        {
            "number": number,
            "name": given.name,
            "color": "#{:02x}{:02x}{:02x}".format(*given.color),
            "count": counts[number],
        }
        for number, given in project.classes.items()
    ]
    return {
        "project": project.path.name if project.path else "",
        "classes": classes,
        "images": images,
        "preset": project.preset,
        "presets": list(PixelEmbedder.presets),
        "channels": project.channels,
    }
