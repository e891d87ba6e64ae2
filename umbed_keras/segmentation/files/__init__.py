"""Segmentation from files to files: images, their strokes beside them, and the results."""
