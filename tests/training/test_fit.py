"""One call trains every framework, alike, and refuses what cannot be trained."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import torch

import runtun.keras
import runtun.scratch
import runtun.torch
from runtun.training import cosine, evaluate, fit, framework_of, one_cycle, predict
from runtun.training.schedules import rates

FLOORS = {"scratch": runtun.scratch, "keras": runtun.keras, "torch": runtun.torch}
N, T = 48, 6


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, T, 1)).astype("float32")
    return x, x[:, -2] + 0.5 * x[:, -1]


def build(floor, seed=0):
    module, rng = FLOORS[floor], np.random.default_rng(seed)
    options = {"rng": rng, "dtype": "float32"}
    return module.Stacked(
        module.RNN(module.SimpleRNNCell(1, 6, **options)), module.Dense(6, 1, **options)
    )


def weights_of(model):
    if framework_of(model) == "keras":
        return model.get_weights()
    if framework_of(model) == "torch":
        return [p.detach().numpy().copy() for p in model.parameters()]
    return [weight.copy() for weight in model.params.values()]


def quiet(model, x, y, **arguments):
    return fit(model, x, y, progress=False, **arguments)


@pytest.mark.parametrize("floor", FLOORS)
def test_every_framework_learns_and_reports_it(floor, data):
    history = quiet(
        build(floor), *data, validation=data, epochs=8, batch_size=16,
        learning_rate=one_cycle(0.03),
    )  # fmt: skip
    assert history.framework == floor
    assert len(history.loss) == len(history.val_loss) == len(history.epoch_seconds) == 8
    assert history.val_loss[-1] < 0.3 * history.val_loss[0]
    assert history.best_epoch == int(np.argmin(history.val_loss))
    assert history.seconds == sum(history.epoch_seconds) > 0


def test_all_frameworks_report_the_same_numbers(data):
    # Two batches and a rest that is smaller, so the mean must be weighted by the batch.
    histories = [
        quiet(build(floor), *data, validation=data, epochs=3, batch_size=20, seed=3)
        for floor in FLOORS
    ]
    for history in histories[1:]:
        np.testing.assert_allclose(history.loss, histories[0].loss, rtol=1e-4)
        np.testing.assert_allclose(history.val_loss, histories[0].val_loss, rtol=1e-4)


@pytest.mark.parametrize("floor", ["scratch", "torch"])
def test_the_seed_decides_the_order(floor, data):
    losses = [quiet(build(floor), *data, epochs=2, seed=seed).loss for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("floor", FLOORS)
def test_early_stopping_puts_the_best_weights_back(floor, data):
    x, y = data
    model = build(floor)
    # Validation asks for the opposite, so it gets worse from the first epoch on.
    history = quiet(model, x, y, validation=(x, -y), epochs=30, learning_rate=0.01, patience=2)
    assert history.stopped_early
    assert len(history.loss) == history.best_epoch + 3
    assert evaluate(model, x, -y) == pytest.approx(min(history.val_loss), rel=1e-5)


@pytest.mark.parametrize("floor", FLOORS)
def test_clipping_bounds_a_step_of_sgd(floor, data):
    x, y = data
    for limit in ({"clip_norm": 0.01}, {"clip_value": 0.001}):
        model = build(floor)
        before = weights_of(model)
        quiet(
            model, x, 100 * y, epochs=1, batch_size=N, optimizer="sgd", learning_rate=1.0, **limit
        )
        steps = [a - b for a, b in zip(weights_of(model), before, strict=True)]
        if "clip_norm" in limit:
            assert np.sqrt(sum((s**2).sum() for s in steps)) == pytest.approx(0.01, rel=1e-3)
        else:
            assert max(np.abs(s).max() for s in steps) == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("floor", ["keras", "torch"])
@pytest.mark.parametrize("loss", ["mae", "cross_entropy", "binary_cross_entropy"])
def test_other_losses_agree_with_numpy(floor, loss, data):
    x, _ = data
    module, rng = FLOORS[floor], np.random.default_rng(0)
    classes = 3 if loss == "cross_entropy" else 1
    model = module.Stacked(
        module.RNN(module.SimpleRNNCell(1, 4, rng=rng)), module.Dense(4, classes, rng=rng)
    )
    y = (x[:, -1] > 0).astype("float32")
    y = y[:, 0].astype(int) if loss == "cross_entropy" else y
    before = evaluate(model, x, y, loss=loss)
    # With a rate this small the loss of the only batch is the loss before training.
    history = quiet(model, x, y, epochs=1, batch_size=N, learning_rate=1e-9, loss=loss)
    assert history.loss[0] == pytest.approx(before, rel=1e-5)
    history = quiet(model, x, y, validation=(x, y), epochs=15, learning_rate=0.03, loss=loss)
    assert history.val_loss[-1] < 0.6 * before


def test_classes_are_learnt_alike_by_hand_and_in_pytorch(data):
    x, _ = data
    y = (x[:, -1, 0] > 0).astype(int)
    histories = []
    for module in (runtun.scratch, runtun.torch):
        options = {"rng": np.random.default_rng(0), "dtype": "float64"}
        model = module.Stacked(
            module.RNN(module.LSTMCell(1, 4, **options)), module.Dense(4, 2, **options)
        )
        histories.append(quiet(model, x, y, epochs=3, learning_rate=0.01, loss="cross_entropy"))
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-6)


def test_pytorch_keeps_its_random_state_and_mode(data):
    model = build("torch").eval()
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    quiet(model, *data, epochs=1)
    assert torch.equal(torch.rand(3), expected)
    assert not model.training


@pytest.mark.parametrize("floor", ["keras", "torch"])
def test_dropout_is_seeded_and_off_when_predicting(floor, data):
    x, y = data
    losses = []
    for _ in range(2):
        model = FLOORS[floor].Forecaster(
            1, 6, num_layers=2, dropout=0.5, rng=np.random.default_rng(0)
        )
        losses.append(quiet(model, x, y, epochs=1).loss[0])
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(predict(model, x), predict(model, x))


@pytest.mark.parametrize("floor", FLOORS)
def test_predictions_do_not_depend_on_the_batch_size(floor, data):
    model = build(floor)
    np.testing.assert_allclose(
        predict(model, data[0], batch_size=7), predict(model, data[0]), rtol=0, atol=1e-6
    )


def test_a_loss_that_is_no_number_stops_with_advice(data):
    x, y = data
    model = build("scratch")
    model.layers[0].cell.U[:] = np.nan
    with pytest.warns(RuntimeWarning, match="clip_norm"):
        history = quiet(model, x, y, epochs=5)
    assert len(history.loss) == 1
    assert history.stopped_early


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": lambda x, y: y[:, 0]}, r"Add an axis with y\[\.\.\., None\]"),
        ({"y": lambda x, y: y[1:]}, "equally many examples; received 48 and 47"),
        ({"x": lambda x, y: np.where(x > 2, np.nan, x)}, "`x` must be finite"),
        ({"y": lambda x, y: np.full_like(y, np.inf)}, "`y` must be finite; 48 of its 48"),
        ({"x": lambda x, y: x[:0], "y": lambda x, y: y[:0]}, "at least one example"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"batch_size": 1.5}, "`batch_size` must be"),
        ({"patience": 3}, "give `validation=.x, y.` too"),
        ({"optimizer": "adamw"}, "`optimizer` must be one of"),
        ({"loss": "hinge"}, "`loss` must be one of"),
        ({"learning_rate": -0.1}, "learning rate must be positive"),
        ({"clip_norm": 0.0}, "`clip_norm` must be positive"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "not both"),
    ],
)
@pytest.mark.parametrize("floor", ["scratch", "torch"])
def test_what_cannot_be_trained_is_refused(floor, changed, message, data):
    x, y = data
    arguments = {k: v for k, v in changed.items() if k not in ("x", "y")}
    inputs = changed.get("x", lambda x, y: x)(x, y)
    targets = changed.get("y", lambda x, y: y)(x, y)
    with pytest.raises(ValueError, match=message):
        quiet(build(floor), inputs, targets, **arguments)


def test_class_numbers_must_exist(data):
    x, _ = data
    model = runtun.torch.Forecaster(1, 4, horizon=3)
    with pytest.raises(ValueError, match="class numbers from 0 to 2"):
        quiet(model, x, np.full(N, 3), loss="cross_entropy")


def test_something_else_than_a_model_is_refused(data):
    with pytest.raises(TypeError, match="received str"):
        quiet("model", *data)


def test_text_is_refused(data):
    with pytest.raises(TypeError, match="must hold numbers"):
        quiet(build("scratch"), np.full((N, T, 1), "a"), data[1])


def test_schedules_start_peak_and_end_where_they_say():
    table = rates(one_cycle(1.0, warmup=0.25), 101)
    assert table[0] == pytest.approx(1 / 25)
    assert int(table.argmax()) == 25
    assert table.max() == pytest.approx(1.0)
    assert table[-1] < 1e-5
    assert (np.diff(rates(cosine(0.1), 50)) < 0).all()
    with pytest.raises(ValueError, match="warmup"):
        one_cycle(1.0, warmup=1.0)
    with pytest.raises(ValueError, match="not negative"):
        rates(lambda progress: -progress, 10)


def test_a_schedule_reaches_keras(data):
    x, y = data
    model = build("keras")
    before = weights_of(model)
    quiet(
        model, x, y, epochs=2, batch_size=N, optimizer="sgd",
        learning_rate=lambda progress: np.zeros_like(progress),
    )  # fmt: skip
    for ours, theirs in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_no_warning_is_raised(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet(build("torch"), *data, epochs=1)
        quiet(build("scratch"), *data, epochs=1)


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_training_loads_only_the_framework_in_use(framework):
    others = {"torch": ["keras", "tensorflow", "jax"], "keras": ["torch"]}[framework]
    code = (
        "import sys, numpy as np\n"
        "from runtun.training import fit\n"
        "import runtun.scratch, runtun.parity, runtun.data.windows, runtun.forecasting\n"
        f"assert 'torch' not in sys.modules and 'keras' not in sys.modules\n"
        f"from runtun.{framework} import Forecaster\n"
        "x = np.zeros((4, 3, 1), 'float32')\n"
        "fit(Forecaster(1, 2), x, x[:, 0], epochs=1, progress=False)\n"
        f"print([name for name in {others!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"


def test_keras_model_of_ones_own_is_trained(data):
    model = keras.Sequential([keras.Input((T, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    history = quiet(model, *data, epochs=10, learning_rate=0.1)
    assert history.loss[-1] < 0.5 * history.loss[0]
