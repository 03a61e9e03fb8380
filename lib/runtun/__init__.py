"""Runtun: sequence models from scratch in NumPy, in Keras 3 and in PyTorch.

Importing this package loads no framework. Each floor imports only its own:
`runtun.scratch` NumPy, `runtun.keras` Keras, `runtun.torch` PyTorch.
"""

__version__ = "0.1.0"
