"""Images: files, arrays, tiles, folders, and batches for training."""
