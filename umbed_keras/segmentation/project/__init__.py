"""Projects: images, strokes and settings in one file."""
