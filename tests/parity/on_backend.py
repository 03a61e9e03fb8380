"""Run as a program under one backend of Keras: prints the largest differences from NumPy as JSON.

Not a test itself; `test_backends.py` starts it, because a backend can only be chosen once.
"""

import json

import keras
import numpy as np
import torch

import runtun.keras
import runtun.scratch
import runtun.torch

B, T, D, H, K = 3, 6, 2, 5, 4


def models(floor, options):
    """The models of this floor to compare."""
    return {
        "simple": floor.RNN(floor.SimpleRNNCell(D, H, **options()), return_sequences=True),
        "lstm": floor.RNN(floor.LSTMCell(D, H, **options())),
        "peephole": floor.RNN(floor.PeepholeLSTMCell(D, H, **options())),
        "gru": floor.RNN(floor.GRUCell(D, H, **options())),
        "gru_reset_before": floor.RNN(floor.GRUCell(D, H, reset_after=False, **options())),
        "layer_norm": floor.RNN(floor.LayerNormRNNCell(D, H, **options())),
        "output_to_hidden": floor.RNN(floor.OutputRecurrentCell(D, H, K, **options())),
        "output_to_output": floor.RNN(
            floor.OutputRecurrentCell(D, H, K, recurrence="output_to_output", **options())
        ),
        "bidirectional": floor.Bidirectional(
            floor.RNN(floor.GRUCell(D, H, **options()), return_sequences=True),
            floor.RNN(floor.SimpleRNNCell(D, H, **options()), return_sequences=True),
        ),
        "self-attention": floor.CausalSelfAttention(D, 2, **options()),
        "strided convolution": floor.Conv1D(D, H, 3, stride=2, **options()),
        "causal convolution": floor.CausalConv1D(D, H, 2, dilation=2, **options()),
        "stacked": floor.Stacked(
            floor.RNN(floor.SimpleRNNCell(D, H, **options()), return_sequences=True),
            floor.RNN(floor.SimpleRNNCell(H, H, **options())),
            floor.Dense(H, K, **options()),
        ),
    }


def gradients(model, x, d_outputs):
    """Gradients of sum(outputs * d_outputs) with respect to the weights, in this backend."""
    if keras.backend.backend() == "jax":
        import jax

        def loss(weights):
            outputs, _ = model.stateless_call(weights, model.non_trainable_variables, x)
            return (outputs * d_outputs).sum()

        return jax.grad(loss)([v.value for v in model.trainable_variables])
    if keras.backend.backend() == "torch":
        (model(x) * keras.ops.convert_to_tensor(d_outputs)).sum().backward()
        return [keras.ops.convert_to_numpy(v.value.grad) for v in model.trainable_variables]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x) * d_outputs)
    return tape.gradient(loss, [v.value for v in model.trainable_variables])


def whole_models(rng):
    """Outputs of models that exist in Keras and PyTorch only, from both, by name."""
    x = rng.normal(size=(B, 9, D)).astype("float32")
    ids = rng.integers(3, 8, size=(B, 9))
    ids[1, 5:] = 0
    previous = rng.integers(3, 8, size=(B, 4))
    cases = {
        "stack": (("RecurrentStack", D, H + 1), {"num_layers": 2, "bidirectional": True}, (x,)),
        "wavenet": (("WaveNet", D, 4), {"num_layers": 2}, (x,)),
        "tcn": (("TCN", D, 4), {"num_layers": 2}, (x,)),
        "conv gru": (("ConvGRU", D, 4), {"channels": 3}, (x,)),
        "transformer": (("Transformer", 8, 4), {"tokens": True, "num_heads": 2}, (ids,)),
        "series": (("SeriesSeq2Seq", D, 4, 3), {}, (x,)),
        "sentiment": (("SentimentClassifier", 8, 3, 4), {"bidirectional": True}, (ids,)),
        "characters": (("CharLanguageModel", 8, 4), {"cell": "gru"}, (ids,)),
        "translation": (("Seq2Seq", 8, 8, 3, 4), {"attention": "additive"}, (ids, previous)),
        "sampled translation": (("Seq2Seq", 8, 8, 3, 4), {"attention": "dot"}, (ids, previous)),
    }
    if keras.backend.backend() == "jax":  # which compiles every operation of every shape
        cases = {name: cases[name] for name in ("stack", "transformer", "sampled translation")}
    for name, ((kind, *sizes), arguments, inputs) in cases.items():
        ours, theirs = (
            getattr(floor, kind)(*sizes, **arguments, rng=np.random.default_rng(4))
            for floor in (runtun.keras, runtun.torch)
        )
        training = name.startswith("sampled")
        if training:  # every token is the model's own: no coins, the same on both floors
            ours.set_sampling(1.0)
            theirs.set_sampling(1.0)
            outputs = ours(*inputs, training=True)
        else:
            outputs = ours(*inputs)
        with torch.no_grad():
            expected = theirs.train(training)(*(torch.tensor(array) for array in inputs))
        if isinstance(expected, tuple):
            expected, outputs = expected[0], outputs[0]
        yield name, expected.numpy(), keras.ops.convert_to_numpy(outputs)


def main():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(B, T, D)).astype("float32")
    options = lambda: {"rng": np.random.default_rng(1), "dtype": "float32"}
    ours, theirs = models(runtun.scratch, options), models(runtun.keras, options)
    found = {"backend": keras.backend.backend(), "differences": {}}
    for name, model in ours.items():
        expected = model.forward(x)
        outputs = keras.ops.convert_to_numpy(theirs[name](x))
        d_outputs = rng.normal(size=expected.shape).astype("float32")
        _, grads = model.backward(d_outputs)
        pairs = [(expected, outputs)]
        names = list(model.params)
        pairs += zip([grads[n] for n in names], gradients(theirs[name], x, d_outputs), strict=True)
        # Relative to the size of each array, as single precision is.
        errors = [np.abs(a - np.asarray(b)).max() / max(1, np.abs(a).max()) for a, b in pairs]
        found["differences"][name] = float(max(errors))
    mask = np.arange(T)[None] < np.array([6, 4, 1])[:, None]
    for name in ("lstm", "simple", "bidirectional"):
        expected = ours[name].forward(x, mask=mask)
        outputs = keras.ops.convert_to_numpy(theirs[name](x, mask=mask))
        found["differences"][f"{name}, masked"] = float(np.abs(outputs - expected).max())
    keys = rng.normal(size=(B, T + 1, H)).astype("float32")
    queries = rng.normal(size=(B, T, H)).astype("float32")
    for name, sizes in (("AdditiveAttention", (H, H, K)), ("DotProductAttention", ())):
        # Each floor draws from a generator of its own, with the same seed.
        expected, outputs = (
            getattr(floor, name)(*sizes, **(options() if sizes else {}))(queries, keys, keys)[0]
            for floor in (runtun.scratch, runtun.keras)
        )
        outputs = keras.ops.convert_to_numpy(outputs)
        found["differences"][name] = float(np.abs(outputs - expected).max())
    found["differences"] |= {
        name: float(np.abs(of_keras - of_torch).max())
        for name, of_torch, of_keras in whole_models(rng)
    }
    found["float64"] = keras.backend.standardize_dtype(
        runtun.keras.Dense(D, H, dtype="float64")(x.astype("float64")).dtype
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
