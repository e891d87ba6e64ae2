"""The plugin of napari: segmentation from strokes in its viewer."""
