"""Self-attention and the Transformer: by hand, in Keras and in PyTorch the same; causal; masks."""

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.positions import sinusoidal_positions
from runtun.scratch import check_gradients
from tests.parity.floors import assert_equal, run_keras, run_scratch, run_torch

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
RUN = {"keras": run_keras, "torch": run_torch}
B, T, E, A = 2, 5, 8, 2
LAYERS = {
    "causal": lambda f, o: f.CausalSelfAttention(E, A, **o),
    "both ways": lambda f, o: f.CausalSelfAttention(E, 4, causal=False, **o),
    "block": lambda f, o: f.TransformerBlock(E, A, hidden_size=6, **o),
    "norm": lambda f, o: f.LayerNorm(E, dtype="float64"),
}


def options(seed=1):
    return {"rng": np.random.default_rng(seed), "dtype": "float64"}


def shaken(floor, name):
    """A layer whose biases and gains are no longer 0 and 1, equal on every floor."""
    ours = LAYERS[name](runtun.scratch, options())
    rng = np.random.default_rng(2)
    weights = {n: w + rng.normal(scale=0.3, size=w.shape) for n, w in ours.params.items()}
    if floor != "scratch":
        layer = LAYERS[name](FLOORS[floor], options(seed=3))
        return getattr(parity, f"weights_to_{floor}")(weights, layer)
    for n, weight in ours.params.items():
        weight[...] = weights[n]
    return ours


def call(floor, layer, x, **arguments):
    """Call a layer of any floor with NumPy arrays; return NumPy arrays."""
    if floor == "torch":
        x = torch.tensor(x)
        arguments = {
            n: torch.tensor(a) if isinstance(a, np.ndarray) else a for n, a in arguments.items()
        }
        with torch.no_grad():
            outputs = layer(x, **arguments)
    else:
        outputs = layer(x, **arguments)
    return tuple(map(np.asarray, outputs)) if isinstance(outputs, tuple) else np.asarray(outputs)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def x(rng):
    return rng.normal(size=(B, T, E))


@pytest.fixture
def mask():
    return np.arange(T)[None] < np.array([5, 3])[:, None]


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_match_central_differences(name, x, rng):
    check_gradients(shaken("scratch", name), x, rng=rng)


def test_the_gradient_of_an_embedding_adds_up_where_a_token_returns(rng):
    table = runtun.scratch.Embedding(4, 3, rng=rng)
    ids = np.array([[1, 2, 1], [0, 1, 2]])
    d_outputs = rng.normal(size=(2, 3, 3))
    table(ids)
    _, grads = table.backward(d_outputs)
    one_hot = np.eye(4)[ids]
    np.testing.assert_allclose(grads["W"], np.tensordot(one_hot, d_outputs, 2 * [[0, 1]]))


@pytest.mark.parametrize("floor", RUN)
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_equal_those_by_hand(floor, name, x, rng):
    d_outputs = rng.normal(size=x.shape)
    ours = run_scratch(shaken("scratch", name), x, d_outputs)
    assert_equal(ours, RUN[floor](shaken(floor, name), x, d_outputs))


@pytest.mark.parametrize("floor", RUN)
@pytest.mark.parametrize("name", ["causal", "both ways", "block"])
def test_masks_and_weights_equal_those_by_hand(floor, name, x, mask):
    for argument in (None, mask):
        expected, weights = shaken("scratch", name)(x, argument, return_weights=True)
        found, found_weights = call(
            floor, shaken(floor, name), x, mask=argument, return_weights=True
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found_weights, weights, rtol=0, atol=1e-12)
        fused = call(floor, shaken(floor, name), x, mask=argument)  # without the weights
        np.testing.assert_allclose(fused, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", ["causal", "block"])
def test_the_past_does_not_depend_on_the_future(floor, name, x):
    layer = shaken(floor, name)
    before = call(floor, layer, x)
    x[:, 3] *= -1.0
    changed = np.abs(call(floor, layer, x) - before).max(axis=(0, 2))
    np.testing.assert_array_equal(changed[:3], 0.0)
    assert (changed[3:] > 1e-3).all()


@pytest.mark.parametrize("floor", FLOORS)
def test_without_positions_the_order_does_not_matter(floor, x, rng):
    layer = shaken(floor, "both ways")
    order = rng.permutation(T)
    turned = call(floor, layer, np.ascontiguousarray(x[:, order]))
    np.testing.assert_allclose(turned, call(floor, layer, x)[:, order], rtol=0, atol=1e-12)


def test_extra_padding_changes_nothing(x, mask):
    for name in ("causal", "both ways", "block"):
        layer = shaken("scratch", name)
        short = layer(x[1:, :3])
        np.testing.assert_allclose(layer(x, mask)[1:, :3], short, rtol=0, atol=1e-14)


def test_it_equals_the_layer_of_pytorch_whose_masks_mean_the_opposite(x, mask):
    ours = shaken("scratch", "causal")
    module = torch.nn.MultiheadAttention(E, A, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.tensor(ours.W.T))
        module.in_proj_bias.copy_(torch.tensor(ours.b))
        module.out_proj.weight.copy_(torch.tensor(ours.V.T))
        module.out_proj.bias.copy_(torch.tensor(ours.c))
    tensor = torch.tensor(x)
    hidden = torch.triu(torch.ones(T, T, dtype=torch.bool), diagonal=1)  # True: do not look
    found, weights = module(
        tensor, tensor, tensor, attn_mask=hidden, key_padding_mask=torch.tensor(~mask),
        average_attn_weights=False,
    )  # fmt: skip
    expected, expected_weights = ours(x, mask, return_weights=True)
    np.testing.assert_allclose(found.detach()[mask], expected[mask], rtol=0, atol=1e-12)
    for step in zip(*np.nonzero(mask), strict=True):  # not at padding, where ours sees itself
        theirs = weights.detach().numpy()[step[0], :, step[1]]
        np.testing.assert_allclose(theirs, expected_weights[step[0], :, step[1]], atol=1e-12)
    wrong, _ = module(tensor, tensor, tensor, attn_mask=~hidden)
    assert not np.allclose(wrong.detach().numpy(), expected, atol=0.01)


def test_it_equals_the_layer_of_keras(x):
    ours = shaken("scratch", "causal")
    layer = keras.layers.MultiHeadAttention(A, E // A, dtype="float64")
    layer.build((None, T, E), (None, T, E))
    kernels = [np.split(part, 3, axis=-1) for part in (ours.W, ours.b)]
    values = []
    for W, b in zip(*kernels, strict=True):  # queries, keys, values
        values += [W.reshape(E, A, E // A), b.reshape(A, E // A)]
    layer.set_weights([*values, ours.V.reshape(A, E // A, E), ours.c])
    found = np.asarray(layer(x, x, use_causal_mask=True))
    np.testing.assert_allclose(found, ours(x), rtol=0, atol=1e-12)


def test_a_block_equals_the_one_of_pytorch(x):
    ours = shaken("scratch", "block")
    p = ours.params
    module = torch.nn.TransformerEncoderLayer(
        E, A, 6, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64
    )
    pairs = {
        "self_attn.in_proj_weight": p["attention.W"].T,
        "self_attn.in_proj_bias": p["attention.b"],
        "self_attn.out_proj.weight": p["attention.V"].T,
        "self_attn.out_proj.bias": p["attention.c"],
        "linear1.weight": p["expand.W"].T, "linear1.bias": p["expand.b"],
        "linear2.weight": p["contract.W"].T, "linear2.bias": p["contract.b"],
        "norm1.weight": p["norm_1.gain"], "norm1.bias": p["norm_1.b"],
        "norm2.weight": p["norm_2.gain"], "norm2.bias": p["norm_2.b"],
    }  # fmt: skip
    module.load_state_dict({name: torch.tensor(value) for name, value in pairs.items()})
    causal = torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    found = module(torch.tensor(x), src_mask=causal).detach().numpy()
    np.testing.assert_allclose(found, ours(x), rtol=0, atol=1e-12)


def test_positions_turn_by_the_same_angle_at_every_step():
    p = sinusoidal_positions(40, 6)
    pairs = p[:, 0::2] * 1j + p[:, 1::2]  # cos + i sin
    steps = pairs[1:] / pairs[:-1]
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(p, axis=1), np.sqrt(3))
    with pytest.raises(ValueError, match="must be even"):
        sinusoidal_positions(4, 3)


MODELS = {
    "series": {},
    "series, every step": {"every_step": True, "causal": False, "positions": "none"},
    "tokens": {"tokens": True, "every_step": True},
    "tokens, last": {"tokens": True, "positions": "learned", "num_heads": 2},
}


def transformer(floor, name, **more):
    arguments = {"output_size": 3, "max_length": 12, **MODELS[name], **options(5), **more}
    return FLOORS[floor].Transformer(6, E, **arguments)


def inputs(name, rng):
    if "tokens" not in name:
        return rng.normal(size=(B, T, 6))
    ids = rng.integers(1, 6, size=(B, T))
    ids[1, 3:] = 0
    return ids


@pytest.mark.parametrize("name", MODELS)
def test_models_of_one_seed_are_equal(name, rng, tmp_path):
    x = inputs(name, rng)
    ours, theirs = transformer("keras", name), transformer("torch", name)
    expected = np.asarray(ours(x))
    assert expected.shape == ((B, T, 3) if "every" in name or name == "tokens" else (B, 3))
    np.testing.assert_allclose(call("torch", theirs, x), expected, rtol=0, atol=1e-12)
    weights = parity.weights_from_torch(theirs)
    for key, value in parity.weights_from_keras(ours).items():
        np.testing.assert_array_equal(weights[key], value)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), expected)


@pytest.mark.parametrize("floor", RUN)
@pytest.mark.parametrize("name", ["tokens", "tokens, last"])
def test_more_padding_after_a_text_changes_nothing(floor, name, rng):
    model, x = transformer(floor, name), inputs(name, rng)
    longer = np.pad(x, ((0, 0), (0, 4)))
    expected, found = call(floor, model, x), call(floor, model, longer)
    real = np.s_[1, :3] if name == "tokens" else np.s_[1]
    np.testing.assert_allclose(found[real], expected[real], rtol=0, atol=1e-12)


@pytest.mark.parametrize("floor", RUN)
def test_positions_make_the_order_matter(floor, rng):
    x = rng.normal(size=(1, T, 6))
    x[:, :2] = x[:, [1, 0]] * 2
    turned = np.ascontiguousarray(x[:, [1, 0, 2, 3, 4]])
    for positions, differs in (("none", False), ("sinusoidal", True), ("learned", True)):
        model = transformer(floor, "series", positions=positions, causal=False)
        difference = np.abs(call(floor, model, turned) - call(floor, model, x)).max()
        assert (difference > 1e-3) == differs


@pytest.mark.parametrize("floor", RUN)
def test_dropout_acts_while_training_only(floor, x):
    layer = FLOORS[floor].TransformerBlock(E, A, dropout=0.5, **options())
    if floor == "torch":
        layer.eval()
        still = call(floor, layer, x)
        layer.train()
        moved = call(floor, layer, x)
    else:
        still, moved = call(floor, layer, x), call(floor, layer, x, training=True)
    plain = FLOORS[floor].TransformerBlock(E, A, **options())
    np.testing.assert_array_equal(still, call(floor, plain, x))
    assert np.abs(moved - still).max() > 0.01


@pytest.mark.parametrize("floor", FLOORS)
def test_what_does_not_fit_is_refused(floor, rng):
    module = FLOORS[floor]
    make = torch.tensor if floor == "torch" else np.asarray
    with pytest.raises(ValueError, match="multiple of `num_heads`"):
        module.CausalSelfAttention(8, 3)
    with pytest.raises(ValueError, match="with E = 8"):
        module.TransformerBlock(8, 2, **options())(make(np.zeros((2, 5, 7))))
    with pytest.raises(TypeError, match="must be whole numbers"):
        module.Embedding(5, 3)(make(np.zeros((2, 4))))
    if floor != "keras":
        with pytest.raises(ValueError, match="from 0 to 4; received numbers from 1 to 5"):
            module.Embedding(5, 3)(make(np.array([[1, 5]])))
    if floor == "scratch":
        return
    with pytest.raises(ValueError, match="max_length=13"):
        transformer(floor, "series")(make(rng.normal(size=(B, 13, 6))))
    with pytest.raises(ValueError, match="`positions` must be one of"):
        transformer(floor, "series", positions="sine")
    with pytest.raises(ValueError, match="`dropout` must lie"):
        module.TransformerBlock(8, 2, dropout=1.0)
