"""Number words and dates from one language to the other: exact match, by length, and alignment.

Numbers are read word by word, dates letter by letter. No number and no date of the test was ever
seen in training. A translation counts only if all of it is right.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from runtun.data.date_words import WrittenDate, generate_date_pairs, score_alignment
from runtun.data.number_words import generate_number_pairs, number_words
from runtun.data.text import BEGIN, END, PAD, Vocabulary, pad
from runtun.experiments.runner import Experiment, Metric, Trial

NUMBERS = Metric("number words, exact match", "%")
DIGITS = {n: Metric(f"number words, exact match, {n} digits", "%") for n in range(1, 7)}
DATES = Metric("dates, exact match", "%")
ALIGNED = Metric("dates, fields aligned rightly", "%")

CONFIG: dict[str, Any] = {
    "frameworks": ["torch"],
    "seeds": 5,
    "train_numbers": 20_000,
    "train_dates": 10_000,
    "test": 2000,
    "embedding_size": 32,
    "hidden_size": 128,
    "epochs_numbers": 10,
    "epochs_dates": 10,
    "batch_size": 64,
    "learning_rate": 0.004,
    "clip_norm": 1.0,
    "networks": {
        "LSTM": {"attention": None},
        "LSTM, dot-product attention": {"attention": "dot", "bidirectional": True},
        "LSTM, additive attention": {"attention": "additive", "bidirectional": True},
    },
}

SMOKE: dict[str, Any] = {
    "seeds": 1,
    "train_numbers": 64,
    "train_dates": 64,
    "test": 16,
    "embedding_size": 4,
    "hidden_size": 4,
    "epochs_numbers": 1,
    "epochs_dates": 1,
    "networks": {"LSTM, dot-product attention": {"attention": "dot", "bidirectional": True}},
}


_ALL_WORDS = (*range(1000), 1000, 2000)  # numbers that hold every word there is


class Pairs(NamedTuple):
    """Tokens of sources and targets as numbers, padded on the right, and their vocabularies."""

    source: np.ndarray
    previous: np.ndarray
    target: np.ndarray
    read: Vocabulary
    write: Vocabulary


def encode_pairs(
    sources: list[list[str]], targets: list[list[str]], read: Vocabulary, write: Vocabulary
) -> Pairs:
    """Number the tokens; targets begin with BEGIN and end with END."""
    begin, end = write.number(BEGIN), write.number(END)
    ids = [write.encode(tokens) for tokens in targets]
    return Pairs(
        pad([read.encode(tokens) for tokens in sources], side="right").ids,
        pad([[begin, *row] for row in ids], side="right").ids,
        pad([[*row, end] for row in ids], side="right").ids,
        read,
        write,
    )


def split_number(words: str) -> list[str]:
    """Split a number in words into its words.

    >>> split_number("twenty-one thousand, six")
    ['twenty', 'one', 'thousand', 'six']
    """
    return re.findall(r"\w+", words)


def _train(
    config: Mapping[str, Any], pairs: Pairs, arguments: Mapping[str, Any], epochs: int, seed: int
) -> Any:
    from runtun.training import cosine, fit

    model = importlib.import_module("runtun.torch").Seq2Seq(
        len(pairs.read),
        len(pairs.write),
        config["embedding_size"],
        config["hidden_size"],
        pad_id=pairs.write.number(PAD),
        begin_id=pairs.write.number(BEGIN),
        end_id=pairs.write.number(END),
        rng=np.random.default_rng(seed),
        **arguments,
    )
    fit(
        model,
        (pairs.source, pairs.previous),
        pairs.target,
        target_mask=pairs.target != pairs.write.number(PAD),
        epochs=epochs,
        batch_size=config["batch_size"],
        learning_rate=cosine(config["learning_rate"]),
        loss="cross_entropy",
        clip_norm=config["clip_norm"],
        seed=seed,
        progress=False,
    )
    return model


def _exact(model: Any, pairs: Pairs) -> tuple[np.ndarray, Any]:
    """Translate greedily; which are right to the last token?"""
    decoded = model.decode(pairs.source, max_length=pairs.target.shape[1])
    right = [
        pairs.write.decode(said) == pairs.write.decode(truth)
        for said, truth in zip(decoded.ids, pairs.target, strict=True)
    ]
    return np.array(right), decoded


@cache
def _numbers(
    count: int, part: str, seed: int
) -> tuple[np.ndarray, list[list[str]], list[list[str]]]:
    pairs = generate_number_pairs(count, np.random.default_rng([seed, 1]), part=part)
    return (
        pairs.numbers,
        [split_number(words) for words in pairs.english],
        [split_number(words) for words in pairs.indonesian],
    )


def _translate_numbers(
    config: Mapping[str, Any], arguments: Mapping[str, Any], seed: int
) -> dict[str, float]:
    _, english, indonesian = _numbers(config["train_numbers"], "train", seed)
    read, write = (
        Vocabulary.build([split_number(number_words(n, lang)) for n in _ALL_WORDS], special=signs)
        for lang, signs in (("en", (PAD,)), ("id", (PAD, BEGIN, END)))
    )
    train = encode_pairs(english, indonesian, read, write)
    model = _train(config, train, arguments, config["epochs_numbers"], seed)
    numbers, english, indonesian = _numbers(config["test"], "test", seed)
    right, _ = _exact(model, encode_pairs(english, indonesian, read, write))
    result = {NUMBERS.name: 100 * float(right.mean())}
    digits = np.array([len(str(number)) for number in numbers])
    for n, metric in DIGITS.items():
        if (digits == n).any():
            result[metric.name] = 100 * float(right[digits == n].mean())
    return result


def _translate_dates(
    config: Mapping[str, Any], arguments: Mapping[str, Any], seed: int
) -> dict[str, float]:
    def letters(written: list[WrittenDate]) -> list[list[str]]:
        return [list(one.text) for one in written]

    drawn = generate_date_pairs(
        config["train_dates"], np.random.default_rng([seed, 2]), target="iso", part="train"
    )
    source, target = letters(drawn.source), letters(drawn.target)
    read = Vocabulary.build(source, special=(PAD,))
    write = Vocabulary.build(target, special=(PAD, BEGIN, END))
    train = encode_pairs(source, target, read, write)
    model = _train(config, train, arguments, config["epochs_dates"], seed)
    new = generate_date_pairs(
        config["test"], np.random.default_rng([seed, 3]), target="iso", part="test"
    )
    right, decoded = _exact(
        model, encode_pairs(letters(new.source), letters(new.target), read, write)
    )
    result = {DATES.name: 100 * float(right.mean())}
    if decoded.weights is not None:
        scores = [
            list(
                score_alignment(
                    decoded.weights[row, : len(target.text), : len(source.text)], source, target
                ).values()
            )
            for row, (source, target) in enumerate(zip(new.source, new.target, strict=True))
            if right[row]
        ]
        if scores:
            result[ALIGNED.name] = 100 * float(np.mean(scores))
    return result


def _both(config: Mapping[str, Any], arguments: Mapping[str, Any], seed: int) -> dict[str, float]:
    return _translate_numbers(config, arguments, seed) | _translate_dates(config, arguments, seed)


def make_trials(config: Mapping[str, Any]) -> Iterator[Trial]:
    """Turn a config into trials: both tasks for each network with each seed."""
    if "torch" not in config["frameworks"]:
        return
    for name, arguments in config["networks"].items():
        for seed in range(config["seeds"]):
            yield Trial(name, "torch", seed, partial(_both, config, arguments, seed), 6.0)


TRANSLATION = Experiment(
    name="translation",
    title="Number words and dates from one language to the other",
    config=CONFIG,
    smoke=SMOKE,
    metrics=(NUMBERS, *DIGITS.values(), DATES, ALIGNED),
    make_trials=make_trials,
)
