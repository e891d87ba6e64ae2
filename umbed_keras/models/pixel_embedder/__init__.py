"""The pixel embedder and the layers that it alone uses."""
