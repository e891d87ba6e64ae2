"""Layers of a viewer as images, strokes and results."""
