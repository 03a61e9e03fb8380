"""Attention: by hand, in Keras and in PyTorch the same; gradients, masks, limits."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun.scratch import numerical_gradient, softmax

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
B, T, S, H, E = 2, 3, 5, 4, 6
KINDS = ["dot", "scaled dot", "additive"]


def build(floor, kind):
    module = FLOORS[floor]
    options = {"dtype": "float64"}
    if kind == "additive":
        return module.AdditiveAttention(H, H, 7, rng=np.random.default_rng(1), **options)
    return module.DotProductAttention(
        scaled=kind == "scaled dot", **(options if floor == "keras" else {})
    )


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def inputs(rng):
    return [rng.normal(size=shape) for shape in ((B, T, H), (B, S, H), (B, S, E))]


@pytest.fixture(params=["none", "by source", "by query"])
def mask(request, rng):
    if request.param == "none":
        return None
    if request.param == "by source":
        return np.arange(S)[None] < np.array([5, 2])[:, None]
    return np.broadcast_to(np.tril(np.ones((T, S), bool)), (B, T, S)).copy()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_match_central_differences(kind, inputs, mask, rng):
    attention = build("scratch", kind)
    d_context = rng.normal(size=(B, T, E))
    attention(*inputs, mask)
    d_inputs, grads = attention.backward(d_context)
    arrays = [*inputs, *attention.params.values()]
    for array, grad in zip(arrays, [*d_inputs, *grads.values()], strict=True):
        numerical = numerical_gradient(
            lambda: float((attention(*inputs, mask)[0] * d_context).sum()), array
        )
        np.testing.assert_allclose(grad, numerical, rtol=0, atol=1e-8)


@pytest.mark.parametrize("floor", ["keras", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients_equal_those_by_hand(floor, kind, inputs, mask, rng):
    ours, theirs = build("scratch", kind), build(floor, kind)
    context, weights = ours(*inputs, mask)
    d_context = rng.normal(size=context.shape)
    d_inputs, grads = ours.backward(d_context)
    if floor == "torch":
        tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
        found, found_weights = theirs(*tensors, None if mask is None else torch.tensor(mask))
        (found * torch.tensor(d_context)).sum().backward()
        found, found_weights = found.detach(), found_weights.detach()
        found_grads = [t.grad.numpy() for t in [*tensors, *theirs.parameters()]]
    else:
        import tensorflow as tf

        tensors = [tf.constant(array) for array in inputs]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            found, found_weights = theirs(*tensors, mask)
            loss = tf.reduce_sum(found * d_context)
        found_grads = tape.gradient(loss, [*tensors, *(v.value for v in theirs.weights)])
    np.testing.assert_allclose(np.asarray(found), context, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.asarray(found_weights), weights, rtol=0, atol=1e-12)
    for expected, grad in zip([*d_inputs, *grads.values()], found_grads, strict=True):
        np.testing.assert_allclose(np.asarray(grad), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_add_up_to_one_and_vanish_where_masked(kind, inputs):
    mask = np.arange(S)[None] < np.array([4, 1])[:, None]
    _, weights = build("scratch", kind)(*inputs, mask)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(weights[0, :, 4], 0.0)
    np.testing.assert_allclose(weights[1, :, 0], 1.0)


def test_a_masked_source_changes_nothing(inputs):
    queries, keys, values = inputs
    mask = np.arange(S)[None] < np.array([3, 3])[:, None]
    attention = build("scratch", "scaled dot")
    expected, _ = attention(queries, keys[:, :3], values[:, :3])
    np.testing.assert_allclose(attention(*inputs, mask)[0], expected, rtol=0, atol=1e-14)


def test_scaled_equals_the_function_of_pytorch(inputs, mask):
    tensors = [torch.tensor(array) for array in inputs]
    keep = None if mask is None else torch.tensor(mask if mask.ndim == 3 else mask[:, None])
    expected = torch.nn.functional.scaled_dot_product_attention(*tensors, attn_mask=keep)
    found, _ = build("scratch", "scaled dot")(*inputs, mask)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-12)


def test_it_equals_the_layers_of_keras(inputs):
    queries, keys, values = inputs
    layer = keras.layers.Attention(dtype="float64")
    found, _ = build("scratch", "dot")(*inputs)
    expected = np.asarray(layer([queries, values, keys]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_large_scores_do_not_overflow():
    np.testing.assert_array_equal(softmax(np.array([1e4, 1e4 + 1e3])), [0.0, 1.0])


@pytest.mark.parametrize("floor", ["scratch", "torch"])
def test_a_query_that_may_look_nowhere_is_refused(floor, inputs):
    mask = np.zeros((B, S), bool)
    attention = build(floor, "dot")
    if floor == "torch":
        inputs, mask = [torch.tensor(array) for array in inputs], torch.tensor(mask)
    with pytest.raises(ValueError, match="may look nowhere"):
        attention(*inputs, mask)
    with pytest.raises(TypeError, match="must be boolean"):
        attention(*inputs, mask * 1.0)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_do_not_fit_are_refused(floor, kind, inputs):
    if floor == "torch":
        inputs = [torch.tensor(array) for array in inputs]
    queries, keys, values = inputs
    attention = build(floor, kind)
    with pytest.raises(ValueError, match="`keys` must have shape"):
        attention(queries, keys[..., :2], values)
    with pytest.raises(ValueError, match="`values` must have shape"):
        attention(queries, keys, values[:, :2])
