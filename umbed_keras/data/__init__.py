"""What counts as images, and how they are read."""
