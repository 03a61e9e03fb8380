"""The exchange carries data and nothing else, and survives whatever is sent through it."""

from __future__ import annotations

import json
import math
import socket
import struct
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtun.grading.codec import (
    CannotCross,
    Channel,
    CodecError,
    Decoder,
    Encoder,
    Shared,
    assign,
    named_tuple_class,
    roundtrip,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=False)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=150, deadline=None)
def test_data_arrives_as_it_was(value: Any) -> None:
    arrived = roundtrip(value)
    assert arrived == value
    assert type(arrived) is type(value)


DTYPES = ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", "M8[s]", "U4"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_arrays_keep_values_shape_and_dtype(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    arrived = roundtrip(array)
    assert arrived.dtype == array.dtype
    assert arrived.shape == shape
    np.testing.assert_array_equal(arrived, array)


def test_layout_and_write_protection_cross_because_tests_probe_them() -> None:
    base = np.arange(24.0).reshape(4, 6)
    fortran, strided = np.asfortranarray(base), base[:, ::2]
    assert roundtrip(fortran).flags.f_contiguous
    arrived = roundtrip(strided)
    assert not arrived.flags.c_contiguous
    assert not arrived.flags.f_contiguous
    np.testing.assert_array_equal(arrived, strided)
    frozen = base.copy()
    frozen.flags.writeable = False
    assert not roundtrip(frozen).flags.writeable


def test_subclasses_are_flattened_without_being_asked() -> None:
    class LyingFloat(float):
        def __eq__(self, other: object) -> bool:
            return True

        def __float__(self) -> float:
            return 99.0

        __hash__ = float.__hash__

    class LyingList(list):
        def __iter__(self) -> Any:
            return iter([1, 2, 3])

    class LyingArray(np.ndarray):
        def __array_finalize__(self, _: object) -> None: ...

        def tobytes(self, *_: Any) -> bytes:
            return b"\0" * 24

    number = roundtrip(LyingFloat(2.0))
    assert type(number) is float
    assert number == 2.0
    assert number != 3.0
    assert roundtrip(LyingList([7])) == [7]
    arrived = roundtrip(np.array([1.0, 2.0, 3.0]).view(LyingArray))
    assert type(arrived) is np.ndarray
    assert arrived.tolist() == [1.0, 2.0, 3.0]


def test_named_tuples_keep_their_fields() -> None:
    state = namedtuple("State", "h c")(np.ones(2), None)
    arrived = roundtrip(state)
    assert type(arrived).__name__ == "State"
    assert arrived.h.tolist() == [1, 1]
    assert arrived.c is None
    assert arrived._replace(c=3)._asdict()["c"] == 3


def test_a_random_generator_continues_where_it_stood() -> None:
    rng = np.random.default_rng(5)
    rng.normal(size=3)
    arrived = roundtrip(rng)
    np.testing.assert_array_equal(arrived.normal(size=4), rng.normal(size=4))


def test_tensors_arrive_as_tensors_where_the_library_is_loaded() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0).reshape(2, 3).requires_grad_()
    arrived = roundtrip(tensor)
    assert isinstance(arrived, torch.Tensor)
    assert arrived.requires_grad
    torch.testing.assert_close(arrived.detach(), tensor.detach())
    half = torch.ones(2, dtype=torch.bfloat16)
    assert roundtrip(half).dtype is torch.bfloat16


def test_data_frames_cross() -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2026-01-01", periods=3, freq="D")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}, index=index)
    arrived = roundtrip(frame)
    assert list(arrived.columns) == ["a", "b"]
    assert (arrived.index == index).all()
    assert arrived["a"].tolist() == [1, 2, 3]
    assert roundtrip(frame["a"]).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 0, type, open, np.array([object()]), iter([1])],
    ids=["object", "function", "class", "builtin", "array of objects", "iterator"],
)
def test_what_is_not_data_does_not_cross(value: Any) -> None:
    with pytest.raises(CannotCross):
        roundtrip(value)


def test_cycles_and_depths_are_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CannotCross, match="holds itself"):
        roundtrip(loop)
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(CannotCross, match="deep"):
        roundtrip(deep)


MALFORMED = [
    {"a": 1},
    [],
    ["?", 1],
    [["l"]],
    ["l", {"x": 1}],
    ["d", 1],
    ["d", ["l"], 1],
    ["b", 10],
    ["b", -1],
    ["b", 1.5],
    ["i", "zz"],
    ["i", "f" * 100_000],
    ["c", "x", 1],
    ["a", "O", [1], "C", True, 8],
    ["a", "<f8", [1 << 39], "C", True, 8],
    ["a", "<f8", [-1], "C", True, -8],
    ["a", "V9", [1], "C", True, 9],
    ["a", "f8,i4", [0], "C", True, 0],
    ["a", "<f8", 3, "C", True, 0],
    ["S", "<f8", [0], "C", True, 0],
    ["T", "os", False, "float32", "<f4", [0], "C", True, 0],
    ["y", "O"],
    ["n", "X", ["__eq__"], [1]],
    ["n", "X", ["a", "a"], [1, 2]],
    ["n", "import os", ["a"], [1]],
    ["n", "X", ["a"], [1, 2]],
    ["g", "system", ["d"]],
    ["g", "PCG64", ["d", "bit_generator", "PCG64"]],
    ["h", 1, "c", []],
    ["k", "os", "system"],
    ["m", 2, 3],
    ["&", 2],
    ["D", "frame", ["l"], ["l"], ["l", 1]],
    ["s", ["l"]],
]


@pytest.mark.parametrize("form", MALFORMED, ids=lambda f: json.dumps(f)[:40])
def test_malformed_messages_raise_one_kind_of_error(form: Any) -> None:
    with pytest.raises(CodecError):
        Decoder(b"12345678").decode(form)


@given(
    st.recursive(
        st.none()
        | st.integers()
        | st.text(max_size=3)
        | st.sampled_from(list("ltdsfbicaSTynregD")),
        lambda inner: st.lists(inner, max_size=5),
        max_leaves=30,
    ),
    st.binary(max_size=64),
)
@settings(max_examples=300, deadline=None)
def test_noise_decodes_to_plain_data_or_is_refused(form: Any, body: bytes) -> None:
    try:
        value = Decoder(body).decode(form)
    except CodecError:
        return
    module = type(value).__module__
    assert module.partition(".")[0] in ("builtins", "numpy", "pandas", "torch", "runtun")


def make_pair() -> tuple[Channel, Channel]:
    left, right = socket.socketpair()
    return Channel(left), Channel(right)


def test_frames_arrive_whole() -> None:
    left, right = make_pair()
    left.send({"x": [1, "é"]}, b"abc")
    assert right.receive(1) == ({"x": [1, "é"]}, b"abc")
    left.close()
    with pytest.raises(EOFError):
        right.receive(1)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (struct.pack(">II", 1 << 31, 0), CodecError),
        (struct.pack(">II", 2, 1 << 31) + b"{}", CodecError),
        (struct.pack(">II", 3, 0) + b"{[}", CodecError),
        (struct.pack(">II", 200_000, 0) + b"[" * 200_000, CodecError),
        (struct.pack(">II", 9, 0) + b"[", TimeoutError),
    ],
    ids=["huge header", "huge body", "not JSON", "deep JSON", "half a message"],
)
def test_a_bad_frame_is_an_error_and_not_a_wait(raw: bytes, error: type[Exception]) -> None:
    left, right = make_pair()
    left.sock.settimeout(5)
    left.sock.sendall(raw)
    with pytest.raises(error):
        right.receive(0.2)


class Side:
    """One end of an exchange of shared objects."""

    def __init__(self, first_id: int) -> None:
        self.shared = Shared(first_id)

    def say(self, *values: Any) -> tuple[Any, bytes]:
        encoder = Encoder(shared=self.shared)
        forms = [encoder.encode(v) for v in values]
        message = [forms, self.shared.changes(encoder)]
        return json.loads(json.dumps(message)), encoder.body.getvalue()

    def hear(self, message: tuple[Any, bytes]) -> list[Any]:
        (forms, changes), body = message
        decoder = Decoder(body, shared=self.shared)
        heard = [decoder.decode(f) for f in forms]
        self.shared.apply(changes, decoder)
        self.heard = decoder.brought
        return heard


def test_a_change_on_one_side_reaches_the_other_in_place() -> None:
    judge, student = Side(0), Side(1)
    array, table = np.zeros(3), {"W": np.ones(2)}
    array_there, table_there = student.hear(judge.say(array, table))
    array_there[1] = 5
    inner = table["W"]
    table_there["W"] *= 3
    judge.hear(student.say(None))
    assert array.tolist() == [0, 5, 0]
    assert inner.tolist() == [3, 3]
    assert len(judge.shared.changed_by_other) == 2


def test_what_comes_back_is_the_same_object() -> None:
    judge, student = Side(0), Side(1)
    array = np.zeros(3)
    (there,) = student.hear(judge.say(array))
    (back,) = judge.hear(student.say(there))
    assert back is array


def test_a_private_result_is_told_only_when_it_is_passed_on() -> None:
    judge, student = Side(0), Side(1)
    result = np.ones(3)
    (here,) = judge.hear(student.say(result))
    judge.shared.private.update(judge.heard)
    here -= 7  # a test subtracts what it expects
    student.hear(judge.say(1))
    assert result.tolist() == [1, 1, 1]
    student.hear(judge.say(here))
    assert result.tolist() == [-6, -6, -6]


def test_a_frozen_argument_stays_as_it_is() -> None:
    judge, student = Side(0), Side(1)
    array = np.zeros(3)
    (there,) = student.hear(judge.say(array))
    array.flags.writeable = False
    there[:] = 1
    judge.hear(student.say(None))
    assert array.tolist() == [0, 0, 0]


def test_assign_replaces_what_changed_shape() -> None:
    table = {"a": np.zeros(2), "b": [1]}
    assign(table, {"a": np.ones(3), "c": 2})
    assert table["a"].shape == (3,)
    assert set(table) == {"a", "c"}


def test_named_tuple_class_refuses_unknown_fields() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        named_tuple_class("P", ("x",))((1,))._replace(y=2)
