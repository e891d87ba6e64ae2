"""Opens napari with the plugin that segments images from a few strokes.

  umbed-keras napari
  umbed-keras napari cells.tif more.tif
  umbed-keras napari cells.umbed

Images become layers, those of a project with their strokes. The plugin is also found in napari's
menu Plugins.
"""

from umbed_keras.apps.napari._command import add_arguments, run

__all__ = ["add_arguments", "run"]
