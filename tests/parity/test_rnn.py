"""One simple RNN, three frameworks, the same numbers: outputs, gradients, training steps."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.training import fit, keras_loop, scratch_loop, torch_loop
from tests.parity.floors import assert_equal, run_keras, run_scratch, run_torch

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
RUN = {"scratch": run_scratch, "keras": run_keras, "torch": run_torch}
READ = {
    "scratch": lambda layer: layer.params,
    "keras": parity.rnn_from_keras,
    "torch": parity.rnn_from_torch,
}
WRITE = {
    "scratch": lambda weights, layer: layer.load(weights),
    "keras": parity.rnn_to_keras,
    "torch": parity.rnn_to_torch,
}
B, T, D, H, K = 3, 6, 2, 5, 4

MODELS = {
    "many_to_one": lambda f, o: f.RNN(f.SimpleRNNCell(D, K, **o)),
    "many_to_many": lambda f, o: f.RNN(f.SimpleRNNCell(D, K, **o), return_sequences=True),
    "relu": lambda f, o: f.RNN(f.SimpleRNNCell(D, K, activation="relu", **o)),
    "lstm": lambda f, o: f.RNN(f.LSTMCell(D, K, **o), return_sequences=True),
    "peephole": lambda f, o: f.RNN(f.PeepholeLSTMCell(D, K, **o), return_sequences=True),
    "gru": lambda f, o: f.RNN(f.GRUCell(D, K, **o), return_sequences=True),
    "gru_reset_before": lambda f, o: f.RNN(f.GRUCell(D, K, reset_after=False, **o)),
    "layer_norm": lambda f, o: f.RNN(f.LayerNormRNNCell(D, K, **o), return_sequences=True),
    "output_to_hidden": lambda f, o: f.RNN(f.OutputRecurrentCell(D, H, K, **o)),
    "output_to_output": lambda f, o: f.RNN(
        f.OutputRecurrentCell(
            D, H, K, recurrence="output_to_output", output_activation="tanh", **o
        ),
        return_sequences=True,
    ),
    "stacked": lambda f, o: f.Stacked(
        f.RNN(f.SimpleRNNCell(D, H, **o), return_sequences=True),
        f.RNN(f.SimpleRNNCell(H, H, **o)),
        f.Dense(H, K, **o),
    ),
}


def layers_of(model):
    """The layers of a stack on any floor, or the one layer."""
    if isinstance(model, torch.nn.Sequential):
        return list(model)
    return getattr(model, "layers", [model])


def build(floor, name, seed=3):
    """Build a model on a floor; the same seed gives the same weights on each."""
    options = {"rng": np.random.default_rng(seed), "dtype": "float64"}
    model = MODELS[name](FLOORS[floor], options)
    # Biases, gains and peepholes start at constants that would hide a mistake in their use.
    rng = np.random.default_rng(seed + 1)
    for part in layers_of(model):
        layer = getattr(part, "cell", part)
        weights = READ[floor](layer)
        changed = {n: w + rng.normal(scale=0.2, size=w.shape) for n, w in sorted(weights.items())}
        WRITE[floor](changed, layer)
    return model


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_weights(floor, name):
    def make(floor):
        options = {"rng": np.random.default_rng(1), "dtype": "float64"}
        return [
            getattr(part, "cell", part) for part in layers_of(MODELS[name](FLOORS[floor], options))
        ]

    for ours, theirs in zip(make("scratch"), make(floor), strict=True):
        expected, found = ours.params, READ[floor](theirs)
        assert list(expected) == list(found)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize("floor", ["keras", "torch"])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_equal_those_by_hand(floor, name, rng):
    x = rng.normal(size=(B, T, D))
    model = build("scratch", name)
    d_outputs = rng.normal(size=model(x).shape)
    ours = run_scratch(model, x, d_outputs)
    theirs = RUN[floor](build(floor, name), x, d_outputs)
    # The order of gradients follows the weights in Keras and PyTorch, the way back in NumPy.
    ours = {n: ours[n] for n in ["outputs", "x", *model.params]}
    assert_equal(ours, theirs)


@pytest.mark.parametrize("floor", FLOORS)
def test_the_layer_equals_its_cell_step_by_step(floor, rng):
    module = FLOORS[floor]
    x = rng.normal(size=(B, T, D))
    x = torch.tensor(x) if floor == "torch" else x
    for name in ("many_to_many", "lstm", "gru", "layer_norm", "output_to_output"):
        layer = build(floor, name)
        outputs, _ = module.unroll(layer.cell, x)
        difference = np.asarray(outputs.detach() if floor == "torch" else outputs) - np.asarray(
            layer(x).detach() if floor == "torch" else layer(x)
        )
        assert np.abs(difference).max() < 1e-14


def test_the_cells_equal_the_layers_of_the_frameworks(rng):
    x, d_outputs = rng.normal(size=(B, T, D)), rng.normal(size=(B, T, H))
    cell = runtun.scratch.SimpleRNNCell(D, H, rng=rng)
    cell.b[:] = rng.normal(size=H)
    ours = run_scratch(runtun.scratch.RNN(cell, return_sequences=True), x, d_outputs)

    layer = keras.layers.SimpleRNN(H, return_sequences=True, dtype="float64")
    assert_equal(ours, run_keras(parity.rnn_to_keras(cell.params, layer), x, d_outputs))

    module = torch.nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    theirs = run_torch(parity.rnn_to_torch(cell.params, module), x, d_outputs)
    theirs["weight_ih_l0"] = theirs["weight_ih_l0"].T
    theirs["weight_hh_l0"] = theirs["weight_hh_l0"].T
    assert_equal(ours, theirs)


def test_one_step_equals_the_cells_of_the_frameworks(rng):
    x_t, h = rng.normal(size=(B, D)), rng.normal(size=(B, H))
    cell = runtun.scratch.SimpleRNNCell(D, H, rng=rng)
    expected, _ = cell(x_t, runtun.scratch.RNNState(h))
    theirs = parity.rnn_to_keras(cell.params, keras.layers.SimpleRNNCell(H, dtype="float64"))
    np.testing.assert_allclose(theirs(x_t, [h])[0], expected, rtol=0, atol=1e-12)
    module = torch.nn.RNNCell(D, H, dtype=torch.float64)
    parity.rnn_to_torch(cell.params, module)
    found = module(torch.tensor(x_t), torch.tensor(h)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "learning_rate", "epochs", "atol"),
    [("sgd", 2**-4, 25, 1e-10), ("momentum", 2**-6, 25, 1e-6), ("adam", 2**-10, 100, 1e-4)],
)
def test_training_takes_the_same_steps(
    optimizer, learning_rate, epochs, atol, rng, monkeypatch: pytest.MonkeyPatch
):
    # Two batches an epoch: 50 steps of SGD, 200 of Adam, whose epsilon is the same everywhere.
    # Keras keeps the learning rate in single precision, so it is a power of two here; it keeps
    # the momentum likewise, and 0.9 is no power of two. Keras adds Adam's epsilon before the bias
    # correction, the others after it: weights whose gradient is about as small as epsilon then move
    # apart (1.2e-4 after these 200 steps at 1e-8), so epsilon is made negligible here.
    for loop in (keras_loop, torch_loop, scratch_loop):
        monkeypatch.setattr(loop, "ADAM_EPSILON", 1e-12)
    x = rng.normal(size=(24, T, D))
    y = rng.normal(size=(24, K))
    weights, histories = {}, {}
    for floor in FLOORS:
        model = build(floor, "stacked")
        histories[floor] = fit(
            model, x, y, epochs=epochs, batch_size=12, optimizer=optimizer,
            learning_rate=learning_rate, clip_norm=0.5, seed=5, progress=False,
        )  # fmt: skip
        if floor == "scratch":
            weights[floor] = list(model.params.values())
        elif floor == "torch":
            weights[floor] = [p.detach().numpy() for p in model.parameters()]
        else:
            weights[floor] = model.get_weights()
    assert histories["scratch"].loss[-1] < 0.9 * histories["scratch"].loss[0]
    for floor in ("keras", "torch"):
        for ours, theirs in zip(weights["scratch"], weights[floor], strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=atol)
        # Keras sums the loss of an epoch in single precision.
        np.testing.assert_allclose(histories[floor].loss, histories["scratch"].loss, rtol=1e-5)


def test_with_both_biases_trainable_pytorch_moves_twice_as_fast(rng):
    """The trap: PyTorch's second bias is redundant and takes the same step as the first."""
    x, y = rng.normal(size=(8, T, D)), rng.normal(size=(8, H))
    start = runtun.scratch.SimpleRNNCell(D, H, rng=rng).params

    def bias_after_a_step(frozen):
        module = torch.nn.RNN(D, H, batch_first=True, dtype=torch.float64)
        parity.rnn_to_torch(start, module)
        module.bias_hh_l0.requires_grad_(not frozen)
        fit_step = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
        loss = ((module(torch.tensor(x))[0][:, -1] - torch.tensor(y)) ** 2).mean()
        loss.backward()
        fit_step.step()
        return parity.rnn_from_torch(module)["b"]

    np.testing.assert_allclose(bias_after_a_step(False), 2 * bias_after_a_step(True), rtol=1e-12)
