"""The Keras floor computes the same on every backend of Keras, in single precision."""

import json
import os
import subprocess
import sys

import pytest

from tests.support import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
def test_outputs_and_gradients_equal_those_by_hand(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.parity.on_backend"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == backend
    assert found["differences"]
    assert max(found["differences"].values()) < 1e-6, found["differences"]
    # JAX keeps double precision off unless it is asked for before the first array.
    assert found["float64"] == ("float32" if backend == "jax" else "float64")
