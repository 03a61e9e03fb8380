"""Character language models beside the 5-gram: bits per character on text that was held out.

The last tenth of a novel is held out; of the root words a tenth of the words, chosen by a fixed
seed. Bits per character are the cross-entropy in nats divided by ln 2.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.catalogue import find_file, get_data_set
from runtun.data.loaders import load_mysterious_island, load_novel, load_root_words
from runtun.data.text import Vocabulary, cut_streams
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.scratch.ngram import NGram


def _words() -> str:
    words = load_root_words()
    order = np.random.default_rng(0).permutation(len(words))
    return "\n".join(words[i] for i in order)


CORPORA: dict[str, tuple[Callable[[], str], str | None]] = {
    "novel": (load_novel, None),
    "root words": (_words, None),
    "Mysterious Island": (load_mysterious_island, "mysterious_island"),
}
"""Corpora, and the data set that each needs if it is not shipped."""

BITS = {corpus: Metric(f"bits per character, {corpus}", "bits") for corpus in CORPORA}

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "torch"],
    "seeds": 5,
    "corpora": ["novel", "root words", "Mysterious Island"],
    "held_out": 0.1,
    "order": 5,
    "network": {"hidden_size": 256, "embedding_size": 64, "num_layers": 1, "cell": "lstm"},
    # The words are few: with less dropout they are learnt by heart.
    "dropout": {"novel": 0.2, "root words": 0.5, "Mysterious Island": 0.2},
    "epochs": {"novel": 10, "root words": 12, "Mysterious Island": 7},
    "batch_size": 16,
    "steps": 64,
    "learning_rate": 0.005,
    "clip_norm": 1.0,
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "corpora": ["root words"],
    "network": {"hidden_size": 4, "embedding_size": 4, "num_layers": 1, "cell": "lstm"},
    "epochs": {"root words": 1},
    "batch_size": 256,
}


class Text(NamedTuple):
    """A text as numbers, in two parts, with the size of its vocabulary."""

    train: np.ndarray
    held_out: np.ndarray
    vocab_size: int


@cache
def read_text(corpus: str, held_out: float) -> Text:
    """Read a corpus and hold out its end."""
    text = CORPORA[corpus][0]()
    vocabulary = Vocabulary.build([text], special=())
    ids = np.array(vocabulary.encode(text))
    cut = len(ids) - round(held_out * len(ids))
    return Text(ids[:cut], ids[cut:], len(vocabulary))


def _n_gram(config: Mapping[str, Any], corpora: list[str]) -> dict[str, float]:
    result = {}
    for corpus in corpora:
        text = read_text(corpus, config["held_out"])
        model = NGram(text.vocab_size, config["order"]).fit(text.train)
        bits = -model.log_probabilities(text.held_out).mean() / np.log(2)
        result[BITS[corpus].name] = float(bits)
    return result


def _network(
    config: Mapping[str, Any], corpora: list[str], framework: str, seed: int
) -> dict[str, float]:
    from runtun.training import cosine, evaluate_stream, fit_stream

    model_class = importlib.import_module(f"runtun.{framework}").CharLanguageModel
    result = {}
    for corpus in corpora:
        text = read_text(corpus, config["held_out"])
        model = model_class(
            text.vocab_size,
            dropout=config["dropout"][corpus],
            rng=np.random.default_rng(seed),
            **config["network"],
        )
        fit_stream(
            model,
            *cut_streams(text.train, config["batch_size"], config["steps"]),
            epochs=config["epochs"][corpus],
            learning_rate=cosine(config["learning_rate"]),
            loss="cross_entropy",
            clip_norm=config["clip_norm"],
            seed=seed,
            progress=False,
        )
        # Few streams, so that few characters are read without the text before them.
        nats = evaluate_stream(
            model, *cut_streams(text.held_out, 4, config["steps"]), loss="cross_entropy"
        )
        result[BITS[corpus].name] = nats / float(np.log(2))
    return result


def _on_this_machine(corpus: str) -> bool:
    name = CORPORA[corpus][1]
    return name is None or all(find_file(name, file.name) for file in get_data_set(name).files)


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: the n-gram once, the network with every seed."""
    corpora = [corpus for corpus in config["corpora"] if _on_this_machine(corpus)]
    if "numpy" in config["frameworks"]:
        run = partial(_n_gram, config, corpora)
        yield Trial(f"{config['order']}-gram, Witten-Bell", "numpy", 0, run, 0.2)
    for framework in config["frameworks"]:
        if framework == "numpy":
            continue
        for seed in range(config["seeds"]):
            name = f"LSTM {config['network']['hidden_size']}"
            run = partial(_network, config, corpora, framework, seed)
            yield Trial(name, framework, seed, run, 10.0)


LANGUAGE_MODEL = Experiment(
    name="language_model",
    title="Character language models beside the 5-gram",
    config=CONFIG,
    smoke=SMOKE,
    metrics=tuple(BITS.values()),
    make_trials=make_trials,
)
