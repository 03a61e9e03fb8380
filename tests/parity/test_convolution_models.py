"""WaveNet, TCN and ConvGRU: the same in Keras and PyTorch, causal, and as far-sighted as said."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from tests.parity.floors import run_keras, run_torch

FLOORS = {"keras": runtun.keras, "torch": runtun.torch}
B, T, D, C = 2, 20, 2, 4
MODELS = {
    "wavenet": ("WaveNet", {"num_layers": 2, "num_stacks": 2}),
    "wide wavenet": ("WaveNet", {"num_layers": 2, "num_stacks": 1, "kernel_size": 3}),
    "simplified wavenet": ("WaveNet", {"gated": False, "num_layers": 3, "num_stacks": 1}),
    "tcn": ("TCN", {"num_layers": 2}),
    "conv gru": ("ConvGRU", {"channels": 3}),
    "deep conv lstm": ("ConvGRU", {"num_layers": 2, "cell": "lstm", "kernel_size": 3}),
}
CAUSAL = list(MODELS)[:4]


def build(floor, name, seed=1, **more):
    kind, arguments = MODELS[name]
    rng = np.random.default_rng(seed)
    make = getattr(FLOORS[floor], kind)
    return make(D, C, rng=rng, dtype="float64", **{**arguments, **more})


def call(model, x):
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return model(torch.tensor(x)).numpy()
    return np.asarray(model(x))


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(B, T, D))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("every_step", [False, True])
def test_both_floors_are_equal(name, every_step, x):
    more = {"every_step": every_step, "horizon": 3}
    ours, theirs = build("keras", name, **more), build("torch", name, **more)
    expected = call(ours, x)
    length = (len(ours.output_steps(T)) if "conv" in name else T,) if every_step else ()
    assert expected.shape == (B, *length, 3)
    np.testing.assert_allclose(call(theirs, x), expected, rtol=0, atol=1e-12)
    weights = parity.weights_from_keras(ours)
    moved = parity.weights_to_torch(weights, build("torch", name, seed=2, **more))
    np.testing.assert_array_equal(call(moved, x), call(theirs, x))


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_equal_and_reach_every_weight(name, x):
    d_outputs = np.random.default_rng(4).normal(size=(B, 1))
    theirs = run_torch(build("torch", name), x, d_outputs)
    ours = run_keras(build("keras", name), x, d_outputs)
    for key in ("outputs", "x"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=0, atol=1e-12)
    assert all(np.abs(gradient).max() > 0 for gradient in (ours | theirs).values())


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", CAUSAL)
def test_the_past_does_not_depend_on_the_future(floor, name, x):
    model = build(floor, name, every_step=True)
    before = call(model, x)
    x[:, 12] += 5.0
    changed = np.abs(call(model, x) - before).max(axis=(0, 2))
    np.testing.assert_array_equal(changed[:12], 0.0)
    assert changed[12] > 1e-6


@pytest.mark.parametrize("name", CAUSAL)
def test_the_receptive_field_is_as_wide_as_said(name):
    """The gradient of the last output reaches exactly the steps that the field covers."""
    model = build("torch", name)
    field = model.receptive_field
    x = torch.tensor(np.random.default_rng(5).normal(size=(50, field + 4, D)), requires_grad=True)
    model(x).sum().backward()
    seen = x.grad.abs().amax(dim=(0, 2)).numpy() > 0
    np.testing.assert_array_equal(seen[:4], False)
    assert seen[4]
    assert seen[-1]


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", ["conv gru", "deep conv lstm"])
def test_outputs_of_a_strided_convolution_have_read_what_is_said(floor, name, x):
    model = build(floor, name, every_step=True)
    steps = model.output_steps(T)
    before = call(model, x)
    assert len(steps) == before.shape[1]
    x[:, 7] += 5.0
    changed = np.abs(call(model, x) - before).max(axis=(0, 2)) > 0
    np.testing.assert_array_equal(changed, steps >= 7)


def test_a_block_equals_its_equations(x):
    block = runtun.torch.WaveNetBlock(
        D, 3, dilation=2, skip_channels=5, rng=np.random.default_rng(0)
    )
    weights = parity.weights_from_torch(block)
    rng = np.random.default_rng(1)
    weights = {n: w + rng.normal(scale=0.1, size=w.shape) for n, w in weights.items()}
    block = runtun.torch.WaveNetBlock(D, 3, dilation=2, skip_channels=5, dtype="float64")
    parity.weights_to_torch(weights, block)
    conv = runtun.scratch.CausalConv1D(D, 2 * D, 3, dilation=2)
    conv.load({"W": weights["conv.W"], "b": weights["conv.b"]})
    f, g = np.split(conv(x), 2, axis=-1)
    z = np.tanh(f) * runtun.scratch.sigmoid(g)
    residual, skip = (part.detach().numpy() for part in block(torch.tensor(x)))
    expected = x + z @ weights["pass_on.W"] + weights["pass_on.b"]
    np.testing.assert_allclose(residual, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(skip, z @ weights["skip.W"] + weights["skip.b"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["wavenet", "tcn", "conv gru"])
def test_a_saved_model_computes_the_same(name, x, tmp_path):
    model = build("keras", name)
    expected = call(model, x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(call(loaded, x), expected)


@pytest.mark.parametrize("floor", FLOORS)
def test_dropout_drops_the_same_features_at_all_steps(floor):
    """The gradient of a sum over the middle layer: a dropped feature has none at any step."""
    block = FLOORS[floor].TCNBlock(1, 60, 1, dropout=0.5, rng=np.random.default_rng(0))
    x = np.ones((1, 9, 1), "float32")
    if floor == "torch":
        y, plain = (block.train(mode)(torch.tensor(x)).detach().numpy() for mode in (True, False))
    else:
        y, plain = np.asarray(block(x, training=True)), np.asarray(block(x))
    assert np.abs(y - plain).max() > 0.01
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :1], y.shape), rtol=0, atol=1e-6)


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor, x):
    for name in MODELS:
        with pytest.raises(ValueError, match="with D = 2"):
            call(build(floor, name), x[..., :1])
        with pytest.raises(ValueError, match="`num_layers` must be at least 1"):
            build(floor, name, num_layers=0)
        with pytest.raises(ValueError, match="`horizon` must be at least 1"):
            build(floor, name, horizon=0)
    with pytest.raises(ValueError, match="at least 4 steps"):
        call(build(floor, "conv gru"), x[:, :3])
    with pytest.raises(ValueError, match="`dropout` must lie"):
        build(floor, "tcn", dropout=-0.1)
