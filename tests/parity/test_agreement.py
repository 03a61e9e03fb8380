"""The page's table of agreements: small where the floors agree, large where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from runtun import parity
from runtun.parity import agreement
from runtun.parity.agreement import measure_agreement


def worst(row: agreement.Agreement) -> float:
    return max(value for value in row[2:] if value is not None)


def test_all_floors_agree_in_double_precision() -> None:
    rows = measure_agreement(["LSTMCell", "CausalConv1D"])
    assert [(row.model, row.floor) for row in rows] == [
        ("LSTMCell", "keras"),
        ("LSTMCell", "torch"),
        ("LSTMCell", "nnx"),
        ("keras.layers.LSTM", "keras"),
        ("torch.nn.LSTM", "torch"),
        ("CausalConv1D", "keras"),
        ("CausalConv1D", "torch"),
    ]
    assert [row.states is None for row in rows] == [False] * 5 + [True] * 2
    assert all(worst(row) < 1e-12 for row in rows)


def test_in_single_precision_they_agree_less_and_still_well() -> None:
    rows = measure_agreement(["LSTMCell"], dtype="float32")
    assert len(rows) == 5
    assert all(1e-9 < worst(row) < 1e-6 for row in rows)


def test_training_changes_the_weights_that_are_compared() -> None:
    """Else the last column would only say that the same start was copied."""
    rng = np.random.default_rng(0)
    ours = agreement._made("GRUCell", "scratch")
    start = {name: weight.copy() for name, weight in ours.params.items()}
    x, y = (rng.normal(size=(agreement.B, agreement.T, n)) for n in (agreement.D, agreement.H))
    run = agreement._by_hand(ours, start, x, y)
    for name in start:
        assert np.abs(run.weights[name] - start[name]).max() > 1e-3


def test_a_gate_in_the_wrong_place_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = parity.gru_to_torch

    def wrong(weights, layer):
        swapped = {name: np.roll(w, agreement.H, axis=-1) for name, w in weights.items()}
        return real(swapped, layer)

    monkeypatch.setattr(parity, "gru_to_torch", wrong)
    rows = measure_agreement(["GRUCell"])
    assert all((worst(row) > 1e-3) == (row.floor == "torch") for row in rows)


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no model 'GRU' to compare; it is one of"):
        measure_agreement(["GRU"])
