"""From masks to numbers: instances, measurements of them, and shares of classes."""
