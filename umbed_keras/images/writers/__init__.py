"""Writers of label images and other numbers of every pixel."""
