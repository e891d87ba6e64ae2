"""What differs between PyTorch, TensorFlow and JAX: compiling, layouts, devices, processes."""
