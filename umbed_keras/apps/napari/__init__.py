"""Opens napari with the plugin that segments images from a few strokes.

  umbed-keras napari
  umbed-keras napari cells.tif more.tif
  umbed-keras napari folder/
  umbed-keras napari cells.umbed

Images become layers, those of a project with their strokes. Draw strokes of two classes or more;
the buttons < and > go to other images, and "Apply to a folder" makes masks and a table of all
images there. All work is kept in a project, which is saved after each change: that of the given
file, or project.umbed beside the given images. The plugin is also in napari's menu Plugins.
"""

from umbed_keras.apps.napari._command import add_arguments, open_window, run

__all__ = ["add_arguments", "open_window", "run"]
