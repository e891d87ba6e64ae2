"""Readers of image files, one library each."""
