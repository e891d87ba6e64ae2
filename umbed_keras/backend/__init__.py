"""Everything that differs between PyTorch, TensorFlow and JAX.

Compiling, memory layouts, devices, processes that train together, exporting, and the use of Keras's
internals.
"""
