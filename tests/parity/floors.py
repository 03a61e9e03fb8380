"""Running one model on each floor: outputs and gradients as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def run_scratch(model: Any, x: np.ndarray, d_outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Forward and backward through a model of `runtun.scratch`."""
    outputs = model.forward(x)
    d_x, grads = model.backward(d_outputs)
    return {"outputs": outputs, "x": d_x, **grads}


def run_torch(model: Any, x: np.ndarray, d_outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Forward and backward through a PyTorch module; a tuple's first entry is its output."""
    import torch

    inputs = torch.tensor(x, requires_grad=True)
    outputs = model(inputs)
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    (outputs * torch.tensor(d_outputs)).sum().backward()
    grads = {name: p.grad.numpy() for name, p in trainable.items()}
    return {"outputs": outputs.detach().numpy(), "x": inputs.grad.numpy(), **grads}


def run_keras(model: Any, x: np.ndarray, d_outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Forward and backward through a Keras layer, on the TensorFlow backend."""
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = model(inputs)
        loss = tf.reduce_sum(outputs * d_outputs)
    variables = model.trainable_variables
    d_x, *grads = tape.gradient(loss, [inputs, *(v.value for v in variables)])
    named = {v.path: g.numpy() for v, g in zip(variables, grads, strict=True)}
    return {"outputs": outputs.numpy(), "x": d_x.numpy(), **named}


def assert_equal(
    ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], atol: float = 1e-12
) -> None:
    """Compare by position: the floors list the same weights in the same order."""
    assert len(ours) == len(theirs)
    for (name, a), b in zip(ours.items(), theirs.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=name)
