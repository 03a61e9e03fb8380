"""The NNX floor computes what the others compute, and the traps of Flax are real."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import runtun.nnx
import runtun.scratch
import runtun.torch
from runtun import parity
from runtun.training import fit, predict

B, T, D, H = 3, 6, 2, 4
CELLS = {
    "simple": lambda floor, **o: floor.SimpleRNNCell(D, H, **o),
    "relu": lambda floor, **o: floor.SimpleRNNCell(D, H, activation="relu", **o),
    "lstm": lambda floor, **o: floor.LSTMCell(D, H, **o),
    "gru": lambda floor, **o: floor.GRUCell(D, H, **o),
    "gru, reset before": lambda floor, **o: floor.GRUCell(D, H, reset_after=False, **o),
}


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def shaken(kind, rng):
    """A cell by hand in which no bias is zero, and its twin here."""
    ours = CELLS[kind](runtun.scratch, rng=rng, dtype="float32")
    for weight in ours.params.values():
        weight += rng.normal(scale=0.3, size=weight.shape)
    theirs = CELLS[kind](runtun.nnx)
    name = kind.split(",")[0]
    write = {"simple": "rnn", "relu": "rnn"}.get(name, name)
    return ours, getattr(parity, f"{write}_to_nnx")(ours.params, theirs)


@pytest.mark.parametrize("kind", CELLS)
def test_outputs_and_gradients_equal_those_by_hand(kind, rng):
    ours, theirs = shaken(kind, rng)
    x, d_outputs = (rng.normal(size=(B, T, n)).astype("float32") for n in (D, H))
    expected, state = ours.forward(x)
    d_x, _, grads = ours.backward(d_outputs)
    graph, weights = nnx.split(runtun.nnx.RNN(theirs, return_sequences=True))

    def loss(weights, x):
        return (nnx.merge(graph, weights)(x) * d_outputs).sum()

    found, found_d_x = jax.jit(jax.grad(loss, argnums=(0, 1)))(weights, x)
    np.testing.assert_allclose(found_d_x, d_x, rtol=0, atol=2e-6)
    for name, grad in grads.items():
        np.testing.assert_allclose(found["cell"][name][...], grad, rtol=0, atol=5e-6)
    outputs, last = runtun.nnx.scan(theirs, x)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)
    assert last._fields == state._fields
    for mine, other in zip(last, state, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["simple", "lstm"])
def test_the_compiled_loop_is_the_plain_one(kind, rng):
    ours, cell = shaken(kind, rng)
    x = jnp.asarray(rng.normal(size=(B, T, D)), "float32")
    mask = np.arange(T)[None] < np.array([[6], [4], [1]])
    first = runtun.nnx.RNN(cell, return_state=True)(x, None, mask)
    second = runtun.nnx.RNN(cell, return_state=True, compiled=False)(x, None, mask)
    by_hand = runtun.scratch.RNN(ours, return_state=True)(np.asarray(x), None, mask)
    for one, two, three in zip(*map(jax.tree.leaves, (first, second, by_hand)), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)
        np.testing.assert_allclose(one, three, rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_weights_on_every_floor():
    for kind in CELLS:
        twins = [
            CELLS[kind](floor, rng=np.random.default_rng(3), dtype="float32")
            for floor in (runtun.nnx, runtun.scratch)
        ]
        for name in ("W", "U", "b"):
            np.testing.assert_array_equal(*(getattr(twin, name)[...] for twin in twins))


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("rnn", nnx.SimpleCell),
        ("lstm", nnx.LSTMCell),
        ("lstm", nnx.OptimizedLSTMCell),
        ("gru", nnx.GRUCell),
    ],
)
def test_weights_move_to_the_cells_of_flax_and_back(kind, make, rng):
    ours, _ = shaken({"rnn": "simple"}.get(kind, kind), rng)
    weights = {name: weight.copy() for name, weight in ours.params.items()}
    if kind == "gru":
        weights["b"][1] = 0
        ours.load(weights)
    cell = make(D, H, rngs=nnx.Rngs(0))
    getattr(parity, f"{kind}_to_nnx")(weights, cell)
    for name, weight in getattr(parity, f"{kind}_from_nnx")(cell).items():
        np.testing.assert_array_equal(weight, weights[name])
    x = rng.normal(size=(B, D)).astype("float32")
    state = [rng.normal(size=(B, H)).astype("float32") for _ in ours.initial_state(B)]
    expected, _ = ours(x, type(ours.initial_state(B))(*state))
    carry = tuple(state[::-1]) if kind == "lstm" else state[0]
    _, outputs = cell(carry, x)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)


def test_the_carry_of_flax_is_c_before_h(rng):
    """Unpacked as (h, c), as in much code, it is silently the other way round."""
    ours, _ = shaken("lstm", rng)
    cell = parity.lstm_to_nnx(ours.params, nnx.LSTMCell(D, H, rngs=nnx.Rngs(0)))
    x = rng.normal(size=(B, D)).astype("float32")
    h, state = ours(x, ours.initial_state(B))
    (first, second), _ = cell((jnp.zeros((B, H)), jnp.zeros((B, H))), x)
    np.testing.assert_allclose(first, state.c, rtol=0, atol=1e-6)
    np.testing.assert_allclose(second, h, rtol=0, atol=1e-6)
    assert np.abs(first - h).max() > 0.01


def test_the_gru_of_flax_cannot_hold_a_recurrent_bias_of_the_candidate(rng):
    ours, twin = shaken("gru", rng)
    cell = nnx.GRUCell(D, H, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"no recurrent bias for its candidate.*runtun\.nnx\.GRU"):
        parity.gru_to_nnx(ours.params, cell)
    np.testing.assert_array_equal(parity.gru_from_nnx(twin)["b"], ours.b)  # ours holds it
    before, _ = shaken("gru, reset before", rng)
    with pytest.raises(ValueError, match="resets after the projection"):
        parity.gru_to_nnx(before.params, cell)
    # Where it is zero the two biases of z and r are as good as their sum.
    weights = {**ours.params, "b": ours.b.copy()}
    weights["b"][1, 2 * H :] = 0
    ours.load(weights)
    parity.gru_to_nnx(weights, cell)
    x = rng.normal(size=(B, D)).astype("float32")
    _, outputs = cell(jnp.ones((B, H)), x)
    expected, _ = ours(x, runtun.scratch.RNNState(np.ones((B, H), "float32")))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6)


def test_the_forget_gate_of_flax_starts_without_a_bias():
    assert not parity.lstm_from_nnx(nnx.LSTMCell(D, H, rngs=nnx.Rngs(0)))["b"].any()
    assert runtun.nnx.LSTMCell(D, H).b[H : 2 * H].all()


def test_double_precision_is_refused_where_jax_would_drop_it_silently():
    assert jnp.asarray(np.zeros(1)).dtype == jnp.float32  # the trap
    with pytest.raises(ValueError, match="jax_enable_x64"):
        runtun.nnx.LSTMCell(D, H, dtype="float64")
    with jax.enable_x64(True):
        cell = runtun.nnx.LSTMCell(D, H, rng=np.random.default_rng(0), dtype="float64")
        x = np.random.default_rng(1).normal(size=(B, T, D))
        outputs = np.asarray(runtun.nnx.scan(cell, x)[0])
    ours = runtun.scratch.LSTMCell(D, H, rng=np.random.default_rng(0))
    np.testing.assert_allclose(outputs, ours.forward(x)[0], rtol=0, atol=1e-12)


SHAPES = {
    "one step": {},
    "deep": {"num_layers": 2, "cell": "lstm"},
    "every step": {"num_layers": 2, "horizon": 3, "every_step": True, "cell": "gru"},
    "recurrent head": {"num_layers": 1, "head": "rnn", "cell": "lstm"},
}


@pytest.mark.parametrize("arguments", SHAPES.values(), ids=list(SHAPES))
def test_the_forecaster_is_that_of_pytorch(arguments, rng):
    x = rng.normal(size=(B, T, D)).astype("float32")
    ours, theirs = (
        floor.Forecaster(D, H, rng=np.random.default_rng(0), **arguments)
        for floor in (runtun.nnx, runtun.torch)
    )
    np.testing.assert_allclose(predict(ours, x), predict(theirs, x), rtol=0, atol=1e-6)
    other = runtun.nnx.Forecaster(D, H, rng=np.random.default_rng(1), **arguments)
    parity.forecaster_to_nnx(parity.forecaster_from_torch(theirs), other)
    np.testing.assert_array_equal(predict(other, x), predict(ours, x))


def test_it_learns_as_in_pytorch(rng):
    x = rng.normal(size=(40, T, D)).astype("float32")
    y = (x[:, -1, 0] > 0).astype(int)
    histories = [
        fit(
            floor.Forecaster(D, H, cell="lstm", horizon=2, rng=np.random.default_rng(0)),
            x, y, validation=(x, y), epochs=4, batch_size=20, learning_rate=0.02,
            loss="cross_entropy", clip_norm=0.5, progress=False,
        )
        for floor in (runtun.nnx, runtun.torch)
    ]  # fmt: skip
    assert [history.framework for history in histories] == ["nnx", "torch"]
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-4)
    np.testing.assert_allclose(histories[0].val_loss, histories[1].val_loss, rtol=1e-4)
    assert histories[0].val_loss[-1] < 0.95 * histories[0].val_loss[0]


def test_an_uncompiled_loop_is_slower():
    times = runtun.nnx.compare_loops("rnn", length=6, repeats=2, rng=np.random.default_rng(0))
    assert times.ratio == times.plain / times.compiled
    assert times.ratio > 2
    assert times.compilation > times.compiled


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: runtun.nnx.SimpleRNNCell(D, H, activation="gelu"), "`activation` must be one of"),
        (lambda: runtun.nnx.LSTMCell(0, H), "`input_size` must be at least 1"),
        (lambda: runtun.nnx.GRUCell(D, H, dtype="float16"), "`dtype` must be"),
        (lambda: runtun.nnx.RNN(runtun.nnx.LSTMCell(D, H))(jnp.zeros((B, T, D + 1))), "B, T, D"),
        (lambda: runtun.nnx.Dense(D, 1)(jnp.zeros((B, D + 1))), "last axis of 2"),
        (lambda: runtun.nnx.Stacked(), "at least one layer"),
        (lambda: runtun.nnx.Forecaster(D, H, head="conv"), "`head` must be"),
        (lambda: runtun.nnx.compare_loops("peephole"), "`cell` must be one of"),
        (
            lambda: parity.lstm_to_nnx(
                {"W": np.zeros((D, 8)), "U": np.zeros((2, 8)), "b": np.zeros(8)},
                nnx.LSTMCell(D, H, rngs=nnx.Rngs(0)),
            ),
            "`W` must have a last axis of 16",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_cell_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"expected `flax\.nnx\.SimpleCell`.*received LSTMCell"):
        parity.rnn_from_nnx(nnx.LSTMCell(D, H, rngs=nnx.Rngs(0)))
    with pytest.raises(TypeError, match="must be boolean"):
        runtun.nnx.unroll(runtun.nnx.LSTMCell(D, H), jnp.zeros((B, T, D)), mask=jnp.ones((B, T)))
