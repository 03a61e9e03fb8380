"""Sentiment of sentences: recurrent networks beside Naive Bayes, with and without a mask.

Padding stands on the right, so a network without a mask reads its answer after a row of padding:
the "why masks matter" of the published chapters. Movie snippets ship with the package; NusaX (the
same sentences in Indonesian and English) and SmSA are used where they are on this machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.catalogue import find_file, get_data_set
from runtun.data.loaders import LabelledTexts, load_movie_snippets, load_nusax, load_smsa
from runtun.data.text import Vocabulary, pad, split_words
from runtun.experiments.runner import Experiment, Metric, Trial
from runtun.scratch.naive_bayes import NaiveBayes, word_pairs

CORPORA = {
    "snippets": None,
    "NusaX id": "nusax_senti_id_en",
    "NusaX en": "nusax_senti_id_en",
    "SmSA": "smsa_indonlu",
}
"""Corpora, and the data set that each needs if it is not shipped."""

ACCURACY = {corpus: Metric(f"accuracy, {corpus}", "%") for corpus in CORPORA}

CONFIG: dict[str, Any] = {
    "frameworks": ["numpy", "torch"],
    "seeds": 5,
    "corpora": ["snippets", "NusaX id", "NusaX en", "SmSA"],
    "test_share": 0.2,  # of the snippets, which have no parts of their own
    "min_count": 2,
    "length": 60,
    "embedding_size": 64,
    "hidden_size": 64,
    "spatial_dropout": 0.5,
    "dropout": 0.5,
    "epochs": 8,
    "batch_size": 64,
    "learning_rate": 0.002,
    "clip_norm": 1.0,
    "networks": {
        "SimpleRNN": {"cell": "rnn"},
        "SimpleRNN, no mask": {"cell": "rnn", "mask_padding": False},
        "LSTM": {"cell": "lstm"},
        "LSTM, no mask": {"cell": "lstm", "mask_padding": False},
        "GRU": {"cell": "gru"},
        "LSTM, two ways": {"cell": "lstm", "bidirectional": True},
    },
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "corpora": ["snippets"],
    "length": 6,
    "embedding_size": 4,
    "hidden_size": 4,
    "epochs": 1,
    "batch_size": 512,
    "networks": {"LSTM": {"cell": "lstm"}},
}


class Sentences(NamedTuple):
    """Words and classes (0 negative, 1 positive; 0, 1, 2 with neutral) of two parts."""

    words: list[list[str]]
    labels: np.ndarray
    test_words: list[list[str]]
    test_labels: np.ndarray


@cache
def read_corpus(corpus: str, test_share: float) -> Sentences:
    """Read a corpus in its own parts; the snippets are split by a fixed seed.

    Snippets are positive if their mean score is above 0. SmSA is taken without its neutral
    sentences, as its yardstick is.
    """
    if corpus == "snippets":
        texts, scores, _ = (*load_movie_snippets(), None)
        order = np.random.default_rng(0).permutation(len(texts))
        tested = round(test_share * len(texts))
        labels = (np.asarray(scores) > 0).astype(np.int64)
        parts = [
            LabelledTexts([texts[i] for i in rows], labels[rows])
            for rows in (order[tested:], order[:tested])
        ]
    elif corpus == "SmSA":
        parts = []
        for part in ("train", "test"):
            texts, labels = load_smsa(part)
            kept = np.flatnonzero(labels != 1)
            parts.append(LabelledTexts([texts[i] for i in kept], labels[kept] // 2))
    else:
        parts = [load_nusax(corpus[-2:], part) for part in ("train", "test")]
    (texts, labels), (test_texts, test_labels) = parts
    # A text of nothing but signs has no word: an empty word stands for it.
    return Sentences(
        [split_words(text) or [""] for text in texts],
        labels,
        [split_words(text) or [""] for text in test_texts],
        test_labels,
    )


def _naive_bayes(config: Mapping[str, Any], corpora: list[str]) -> dict[str, float]:
    result = {}
    for corpus in corpora:
        data = read_corpus(corpus, config["test_share"])
        model = NaiveBayes().fit([word_pairs(words) for words in data.words], data.labels)
        answer = model.predict([word_pairs(words) for words in data.test_words])
        result[ACCURACY[corpus].name] = 100 * float(np.mean(answer == data.test_labels))
    return result


def _network(
    config: Mapping[str, Any],
    corpora: list[str],
    framework: str,
    arguments: Mapping[str, Any],
    seed: int,
) -> dict[str, float]:
    from runtun.training import cosine, fit, predict

    classifier = importlib.import_module(f"runtun.{framework}").SentimentClassifier
    result = {}
    for corpus in corpora:
        data = read_corpus(corpus, config["test_share"])
        vocabulary = Vocabulary.build(data.words, min_count=config["min_count"])

        def number(words: list[list[str]], vocabulary: Vocabulary = vocabulary) -> np.ndarray:
            ids = [vocabulary.encode(row) for row in words]
            return pad(ids, side="right", length=config["length"], cut="right").ids

        classes = int(data.labels.max()) + 1
        model = classifier(
            len(vocabulary),
            config["embedding_size"],
            config["hidden_size"],
            output_size=classes,
            spatial_dropout=config["spatial_dropout"],
            dropout=config["dropout"],
            rng=np.random.default_rng(seed),
            **arguments,
        )
        fit(
            model,
            number(data.words),
            data.labels,
            epochs=config["epochs"],
            batch_size=config["batch_size"],
            learning_rate=cosine(config["learning_rate"]),
            loss="cross_entropy",
            clip_norm=config["clip_norm"],
            seed=seed,
            progress=False,
        )
        answer = predict(model, number(data.test_words)).argmax(axis=1)
        result[ACCURACY[corpus].name] = 100 * float(np.mean(answer == data.test_labels))
    return result


def _on_this_machine(corpus: str) -> bool:
    name = CORPORA[corpus]
    return name is None or all(find_file(name, file.name) for file in get_data_set(name).files)


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: Naive Bayes once, every network with every seed."""
    corpora = [corpus for corpus in config["corpora"] if _on_this_machine(corpus)]
    if "numpy" in config["frameworks"]:
        yield Trial("Naive Bayes", "numpy", 0, partial(_naive_bayes, config, corpora), 0.2)
    for framework in config["frameworks"]:
        if framework == "numpy":
            continue
        for name, arguments in config["networks"].items():
            for seed in range(config["seeds"]):
                run = partial(_network, config, corpora, framework, arguments, seed)
                yield Trial(name, framework, seed, run, 1.0)


SENTIMENT = Experiment(
    name="sentiment",
    title="Sentiment of sentences: networks beside Naive Bayes, with and without a mask",
    config=CONFIG,
    smoke=SMOKE,
    metrics=tuple(ACCURACY.values()),
    make_trials=make_trials,
)
