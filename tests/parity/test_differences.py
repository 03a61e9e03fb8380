"""The traps between the frameworks, each by name: the table that the course shows, as measured."""

import re

import keras
import numpy as np
import pytest
import torch

from runtun.parity import differences
from runtun.parity.differences import measure_differences
from tests.support import ROOT

EXPECTED = {
    "input_weights": ("(D, 4H)", "(4H, D)", "4 × (D, H)"),
    "lstm_gates": ("i, f, g, o", "i, f, g, o", "i, f, g, o"),
    "gru_gates": ("z, r, n", "r, z, n", "r, z, n"),
    "lstm_bias": ("(4H,)", "(4H,) + (4H,)", "4 × (H,)"),
    "gru_bias": ("(2, 3H)", "(3H,) + (3H,)", "(3H,)"),
    "returned_state": (
        "y (B, T, H), h (B, H), c (B, H)",
        "y (B, T, H), (h (L, B, H), c (L, B, H))",
        "(c (B, H), h (B, H)), y (B, T, H)",
    ),
    "recurrent_start": ("U Uᵀ = 1", "|U| < 1/√H", "Uᵢ Uᵢᵀ = 1"),
    "forget_bias": ("1", "≈ 0", "0"),
    "layer_norm_epsilon": ("1e-03", "1e-05", "1e-06"),
    "adam_epsilon": ("1e-07", "1e-08", "1e-08"),
    "dropout": ("m", "m_t", "–"),
    "masked_output": ("y_{t-1}", "0", "y_t"),
    "clip_norm": ("(1.0, 1.0)", "(0.6, 0.8)", "(0.6, 0.8)"),
    "attention_mask": ("w > 0", "w = 0", "w > 0"),
    "convolution_weights": ("(K, D, C)", "(C, D, K)", "(K, D, C)"),
    "convolution_input": ("(B, T, D)", "(B, D, T)", "(B, T, D)"),
    "last_of_both_ways": ("y", "h_n[-2], h_n[-1]", "carry[0], carry[1]"),
}


@pytest.fixture(scope="module")
def rows():
    before = torch.get_rng_state()
    rows = {row.key: row for row in measure_differences()}
    assert torch.equal(torch.get_rng_state(), before)  # asking changes nothing
    return rows


def test_every_row_has_a_test(rows):
    assert list(rows) == list(EXPECTED)


@pytest.mark.parametrize("key", EXPECTED)
def test_the_difference_is_as_the_converters_assume(key, rows):
    assert rows[key][1:] == EXPECTED[key]


def test_a_gate_that_acts_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch):
    real = differences._one_step
    monkeypatch.setattr(
        differences, "_one_step", lambda f, k, b: real(f, k, b) + (f == "torch" and b == 1)
    )
    with pytest.raises(ValueError, match="torch's GRU do not act as foreseen"):
        differences._gate_order("GRU")()


def test_the_forget_bias_decides_what_an_untrained_lstm_remembers():
    """Keras starts at 1 and keeps 73 % a step, PyTorch around 0 and keeps about half."""
    x = np.zeros((1, 1, 3), "float32")
    c = np.ones((1, 100), "float32")
    layer = keras.layers.LSTM(100, return_state=True)
    kept = np.asarray(layer(x, initial_state=[np.zeros_like(c), c])[2])
    np.testing.assert_allclose(kept, 1 / (1 + np.exp(-1)), rtol=1e-6)
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 100, batch_first=True)
    state = (torch.zeros(1, 1, 100), torch.ones(1, 1, 100))
    _, (_, kept) = module(torch.tensor(x), state)
    assert 0.45 < float(kept.detach().mean()) < 0.55


def test_steps_of_adam_differ_where_gradients_are_as_small_as_epsilon():
    variable = keras.Variable(np.zeros(1, "float32"))
    keras.optimizers.Adam(0.1).apply([keras.ops.convert_to_tensor([1e-7])], [variable])
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.tensor([1e-7])
    torch.optim.Adam([parameter], lr=0.1).step()
    steps = abs(float(np.asarray(variable).item())), abs(float(parameter))
    assert steps[0] < 0.6 * steps[1]


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_row_has_its_words_on_the_page(language):
    page = (ROOT / "book" / language / "parity.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([^|{]+) \| (.*) \|$", page, re.MULTILINE)
    entries = [re.findall(r"\{glue:text\}`pd_(\w+)_(\w+)`", cells) for _, cells in shown]
    entries = [row for row in entries if row]
    assert entries == [[(key, floor) for floor in ("keras", "torch", "nnx")] for key in EXPECTED]
