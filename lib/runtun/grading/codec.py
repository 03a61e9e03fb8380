"""The small language that the judge and the student's process speak: data, and nothing but data.

A message is a frame: the length of a JSON header, the length of the raw bytes behind it, the
header, the bytes. In the header plain values stand for themselves and everything else is a list
that begins with a one-letter tag; arrays and bytes name a piece of the raw part. Decoding builds
built-in types, NumPy arrays and whatever the reader's own `Hooks` make of a handle. Nothing is
ever imported, evaluated or unpickled because a message says so, and every size is checked before
memory is asked for.

Subclasses are flattened on the way out and cannot be expressed on the wire, so a number that
lies about being equal arrives as an honest number.

Tags: l list, t tuple, d dict, s set, f frozenset, b bytes, i large integer, c complex, a array,
T tensor, S NumPy scalar, y dtype, n named tuple, r slice, e Ellipsis, g random generator,
D data frame, m shared mutable, & reference to a shared one, h handle, k library object by name,
x instance of a class both sides define, u name both sides define, j judge's callable.
"""

from __future__ import annotations

import io
import json
import select
import socket
import struct
import sys
import time
from typing import Any

import numpy as np

MAX_DEPTH = 80  # a list within a list counts two
MAX_HEADER = 16 << 20  # bytes of JSON in one message
MAX_BODY = 256 << 20  # bytes of arrays in one message
MAX_INT_BITS = 1 << 16
MAX_NDIM = 32
SHARED_BYTES = 4 << 20  # larger mutables travel as copies
SHARED_COUNT = 64

_LENGTHS = struct.Struct(">II")
_KINDS = "biufcmM"
_PLAIN = (bool, int, float, str, type(None))


class CodecError(ValueError):
    """A message that breaks the rules of the language; its sender cannot be trusted."""


class CannotCross(TypeError):
    """A value that has no form as data."""


class Hooks:
    """What a side makes of the values that are not data; this one refuses them all."""

    def encode_object(self, value: Any, encoder: Encoder) -> list[Any]:
        """Return the tagged form of an object that is not data."""
        raise CannotCross(f"a {type(value).__name__} has no form as data")

    def decode_object(self, tag: str, parts: list[Any], decoder: Decoder) -> Any:
        """Return the object for a tagged form that is not data."""
        raise CodecError(f"unexpected tag {tag!r}")

    def make_named_tuple(self, name: str, fields: tuple[str, ...], values: list[Any]) -> Any:
        """Return a named tuple; a side that knows the class by name may use it."""
        return named_tuple_class(name, fields)(values)


def named_tuple_class(name: str, fields: tuple[str, ...]) -> type:
    """Build a class that behaves like `collections.namedtuple`, without evaluating any text.

    >>> point = named_tuple_class("Point", ("x", "y"))((1, 2))
    >>> point.y, tuple(point)
    (2, (1, 2))
    """

    def represent(self: tuple[Any, ...]) -> str:
        inside = ", ".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"{name}({inside})"

    def as_dict(self: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(fields, self, strict=True))

    def replace(self: tuple[Any, ...], **changes: Any) -> Any:
        unknown = set(changes) - set(fields)
        if unknown:
            raise ValueError(f"Got unexpected field names: {sorted(unknown)!r}")
        return type(self)([changes.get(f, v) for f, v in zip(fields, self, strict=True)])

    members: dict[str, Any] = {
        field: property(lambda self, i=i: self[i]) for i, field in enumerate(fields)
    }
    members |= {"_fields": fields, "__repr__": represent, "_asdict": as_dict, "_replace": replace}
    return type(name, (tuple,), members)


def is_named_tuple(value: Any) -> bool:
    """Whether `value` is a tuple whose class names its fields."""
    fields = getattr(type(value), "_fields", None)
    return isinstance(value, tuple) and isinstance(fields, tuple) and len(fields) == len(value)


def good_name(name: Any) -> bool:
    """Whether `name` may name a field, a class or an attribute."""
    return isinstance(name, str) and len(name) <= 200 and name.isidentifier()


class Encoder:
    """Turns one value, or several, into header and body."""

    def __init__(self, hooks: Hooks | None = None, shared: Shared | None = None) -> None:
        self.hooks = hooks or Hooks()
        self.shared = shared
        self.body = io.BytesIO()
        self.active: set[int] = set()
        self.brought: list[int] = []  # numbers of the mutables that this message shares first
        self.referred: set[int] = set()  # and of those that it only refers to

    def _bytes(self, data: Any) -> int:
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        if self.body.tell() + len(view) > MAX_BODY:
            raise CannotCross(f"more than {MAX_BODY >> 20} MiB in one message")
        self.body.write(view)
        return len(view)

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the JSON form of `value`; raw bytes collect in `body`."""
        kind = type(value)
        if kind in _PLAIN:
            if kind is int and not -(1 << 63) <= value < 1 << 63:
                return self._integer(value)
            return value
        if depth > MAX_DEPTH:
            raise CannotCross(f"nested more than {MAX_DEPTH} deep")
        if depth <= 1 and self.shared is not None and is_shareable(value):
            return self.shared.encode(value, self, depth)
        return self.content(value, depth)

    def content(self, value: Any, depth: int) -> Any:
        """Return the form of a value that is not a plain scalar, without sharing it."""
        marker = id(value)
        if marker in self.active:
            raise CannotCross("a container that holds itself")
        self.active.add(marker)
        try:
            return self._content(value, depth)
        finally:
            self.active.discard(marker)

    def _integer(self, value: int) -> Any:
        if value.bit_length() > MAX_INT_BITS:
            raise CannotCross(f"an integer of {value.bit_length()} bits")
        return ["i", hex(value)]

    def _content(self, value: Any, depth: int) -> Any:
        # The order matters: flatten subclasses through the base type's own methods, so that
        # nothing a subclass overrides is asked for its opinion.
        if isinstance(value, np.generic):
            array = np.asarray(value)
            return ["S", *self._array(array)]
        if isinstance(value, np.ndarray):
            array = np.asarray(value)  # a base-class view: subclasses lose their overrides
            if array.dtype.kind == "O":
                if array.ndim == 0 or array.size > 100_000:
                    return self.hooks.encode_object(value, self)
                return ["l", *[self.encode(v, depth + 2) for v in list(array)]]
            if array.dtype.kind not in _KINDS + "US":
                return self.hooks.encode_object(value, self)
            return ["a", *self._array(array)]
        if isinstance(value, bool | int):
            number = int.__int__(value)
            return number if -(1 << 63) <= number < 1 << 63 else self._integer(number)
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return ["c", complex.__complex__(value).real, complex.__complex__(value).imag]
        if isinstance(value, bytes | bytearray):
            return ["b", self._bytes(bytes(memoryview(value)))]
        if is_named_tuple(value) and all(good_name(f) for f in type(value)._fields):
            values = [self.encode(v, depth + 1) for v in tuple.__iter__(value)]
            return ["n", type(value).__name__, list(type(value)._fields), values]
        if isinstance(value, tuple):
            return ["t", *[self.encode(v, depth + 1) for v in tuple.__iter__(value)]]
        if isinstance(value, list):
            return ["l", *[self.encode(v, depth + 2) for v in list.__iter__(value)]]
        if isinstance(value, dict):
            flat: list[Any] = ["d"]
            for key in dict.__iter__(value):
                flat.append(self.encode(key, depth + 2))
                flat.append(self.encode(dict.__getitem__(value, key), depth + 2))
            return flat
        if isinstance(value, set):
            return ["s", *[self.encode(v, depth + 2) for v in set.__iter__(value)]]
        if isinstance(value, frozenset):
            return ["f", *[self.encode(v, depth + 2) for v in frozenset.__iter__(value)]]
        if isinstance(value, slice):
            parts = (value.start, value.stop, value.step)
            return ["r", *[self.encode(v, depth + 1) for v in parts]]
        if value is Ellipsis:
            return ["e"]
        if isinstance(value, np.dtype) and value.kind in _KINDS + "US":
            return ["y", value.str]
        if isinstance(value, np.random.Generator):
            return ["g", *self._generator(value, depth)]
        tensor = _tensor_to_array(value)
        if tensor is not None:
            framework, array, requires_grad, dtype = tensor
            return ["T", framework, requires_grad, dtype, *self._array(array)]
        frame = _frame_to_parts(value)
        if frame is not None:
            return ["D", frame[0], *[self.encode(p, depth + 2) for p in frame[1:]]]
        return self.hooks.encode_object(value, self)

    def _array(self, array: np.ndarray) -> list[Any]:
        array = np.asarray(array)
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("="))
        order = "C"
        if not array.flags.c_contiguous:
            order = "F" if array.flags.f_contiguous else "S"
        data = array if order == "C" else np.ascontiguousarray(array)
        raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if data.size else b""
        if array.dtype.itemsize == 0:
            raw = b""
        return [
            array.dtype.str.lstrip("<|=>"),
            list(array.shape),
            order,
            bool(array.flags.writeable),
            self._bytes(raw),
        ]

    def _generator(self, rng: np.random.Generator, depth: int) -> list[Any]:
        state = rng.bit_generator.state
        name = state.get("bit_generator")
        if name not in _BIT_GENERATORS:
            raise CannotCross(f"a random generator of kind {name}")
        return [name, self.encode(state, depth + 2)]


_BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


class Decoder:
    """Builds values from header and body, trusting neither."""

    def __init__(
        self, body: bytes | memoryview, hooks: Hooks | None = None, shared: Shared | None = None
    ) -> None:
        self.body = memoryview(body)
        self.position = 0
        self.hooks = hooks or Hooks()
        self.shared = shared
        self.brought: list[int] = []

    def take(self, count: Any) -> memoryview:
        """Return the next `count` raw bytes."""
        if type(count) is not int or not 0 <= count <= len(self.body) - self.position:
            raise CodecError("a length beyond the message")
        self.position += count
        return self.body[self.position - count : self.position]

    def decode(self, form: Any, depth: int = 0) -> Any:
        """Return the value that `form` stands for."""
        if type(form) in _PLAIN:
            return form
        if depth > MAX_DEPTH + 8:
            raise CodecError(f"nested more than {MAX_DEPTH} deep")
        if type(form) is not list or not form or type(form[0]) is not str:
            raise CodecError("a form without a tag")
        tag, *parts = form
        try:
            return self._decode(tag, parts, depth + 1)
        except (CodecError, RecursionError, MemoryError):
            raise
        except Exception as error:
            raise CodecError(f"malformed {tag!r}: {error}") from error

    def _decode(self, tag: str, parts: list[Any], depth: int) -> Any:
        if tag == "l":
            return [self.decode(p, depth) for p in parts]
        if tag == "t":
            return tuple(self.decode(p, depth) for p in parts)
        if tag == "d":
            flat = [self.decode(p, depth) for p in parts]
            return dict(zip(flat[::2], flat[1::2], strict=True))
        if tag in "sf":
            items = [self.decode(p, depth) for p in parts]
            return set(items) if tag == "s" else frozenset(items)
        if tag == "b":
            (count,) = parts
            return bytes(self.take(count))
        if tag == "i":
            (text,) = parts
            if type(text) is not str or len(text) > MAX_INT_BITS // 4 + 4:
                raise CodecError("not an integer")
            return int(text, 16)
        if tag == "c":
            return complex(*[_expect(p, float) for p in parts])
        if tag == "a":
            return self._array(parts)
        if tag == "S":
            array = self._array(parts)
            if array.shape != ():
                raise CodecError("a scalar with a shape")
            return array[()]
        if tag == "T":
            framework, requires_grad, dtype, *array = parts
            return _array_to_tensor(framework, bool(requires_grad), dtype, self._array(array))
        if tag == "y":
            return self._dtype(parts[0])
        if tag == "n":
            name, fields, values = parts
            if not good_name(name) or type(fields) is not list or type(values) is not list:
                raise CodecError("not a named tuple")
            if not all(good_name(f) and not f.startswith("_") for f in fields):
                raise CodecError("not the name of a field")
            if len(fields) != len(values) or len(set(fields)) != len(fields) or len(fields) > 255:
                raise CodecError("fields and values differ in number")
            items = [self.decode(v, depth) for v in values]
            return self.hooks.make_named_tuple(name, tuple(fields), items)
        if tag == "r":
            return slice(*[self.decode(p, depth) for p in parts])
        if tag == "e":
            return Ellipsis
        if tag == "g":
            name, state = parts
            if name not in _BIT_GENERATORS:
                raise CodecError("an unknown random generator")
            bits = getattr(np.random, name)(0)
            bits.state = self.decode(state, depth)
            return np.random.Generator(bits)
        if tag == "D":
            return _parts_to_frame(parts[0], [self.decode(p, depth) for p in parts[1:]])
        if tag in "m&" and self.shared is not None:
            return self.shared.decode(tag, parts, self, depth)
        return self.hooks.decode_object(tag, parts, self)

    def _dtype(self, text: Any) -> np.dtype:
        if type(text) is not str or len(text) > 20 or not text.isascii():
            raise CodecError("not a dtype")
        dtype = np.dtype(text)
        if dtype.kind not in _KINDS + "US" or dtype.itemsize > 1 << 20:
            raise CodecError(f"dtype {text} is not allowed")
        return dtype

    def _array(self, parts: list[Any]) -> np.ndarray:
        text, shape, order, writeable, count = parts
        dtype = self._dtype(text)
        if type(shape) is not list or len(shape) > MAX_NDIM:
            raise CodecError("not a shape")
        size = 1
        for n in shape:
            if type(n) is not int or not 0 <= n <= 1 << 40:
                raise CodecError("not a shape")
            size *= n
        if size * dtype.itemsize != count:
            raise CodecError("shape and bytes disagree")
        raw = self.take(count)
        if dtype.itemsize == 0 or size == 0:
            array = np.zeros(shape, dtype)
        else:
            array = np.frombuffer(bytearray(raw), dtype).reshape(shape)
        if order == "F":
            array = np.asfortranarray(array)
        elif order == "S" and array.ndim and size:
            # Neither order: every second element of a buffer twice as wide, as a slice would be.
            wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), dtype)
            wide[..., ::2] = array
            array = wide[..., ::2]
        array.flags.writeable = bool(writeable)
        return array


def _expect(value: Any, kind: type) -> Any:
    if type(value) not in (kind, int):
        raise CodecError(f"expected {kind.__name__}")
    return value


# Tensors and frames: only of libraries that this process has loaded already.


def _tensor_to_array(value: Any) -> tuple[str, np.ndarray, bool, str] | None:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, getattr(torch, "Tensor", ())):
        plain = value.detach().cpu()
        dtype = str(plain.dtype).removeprefix("torch.")
        if plain.dtype is torch.bfloat16:
            plain = plain.to(torch.float32)
        try:
            return "torch", np.asarray(plain.numpy()), bool(value.requires_grad), dtype
        except (TypeError, RuntimeError):
            return None
    tensorflow = sys.modules.get("tensorflow")
    kind = getattr(tensorflow, "Tensor", ())
    if isinstance(value, kind) and hasattr(value, "numpy"):
        return _plain_array("tensorflow", value.numpy(), value.dtype.name)
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(value, getattr(jax, "Array", ())):
        return _plain_array("jax", np.asarray(value), str(value.dtype))
    return None


def _plain_array(
    framework: str, value: Any, dtype: str
) -> tuple[str, np.ndarray, bool, str] | None:
    array = np.asarray(value)
    if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind not in _KINDS:
        return None
    return framework, array, False, dtype


_TENSOR_DTYPES = frozenset(
    [
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
)


def _array_to_tensor(framework: Any, requires_grad: bool, dtype: Any, array: np.ndarray) -> Any:
    if framework not in ("torch", "tensorflow", "jax", "array"):
        raise CodecError("an unknown kind of tensor")
    library = sys.modules.get(framework) if framework != "array" else None
    if library is None or dtype not in _TENSOR_DTYPES:
        return array
    if framework == "torch":
        writeable = array if array.flags.writeable else array.copy()
        tensor = library.from_numpy(writeable)
        if dtype == "bfloat16":
            tensor = tensor.to(library.bfloat16)
        if requires_grad and tensor.is_floating_point():
            tensor.requires_grad_(True)
        return tensor
    if framework == "tensorflow":
        tensor = library.constant(array)
        return library.cast(tensor, library.bfloat16) if dtype == "bfloat16" else tensor
    return library.numpy.asarray(array, dtype=dtype)


def _frame_to_parts(value: Any) -> list[Any] | None:
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    if isinstance(value, pandas.Series):
        return ["series", _column(value), _column(value.index.to_series()), value.name]
    if isinstance(value, pandas.DataFrame) and value.columns.nlevels == value.index.nlevels == 1:
        columns = [_column(value.iloc[:, i]) for i in range(value.shape[1])]
        return ["frame", columns, _column(value.index.to_series()), list(value.columns)]
    if isinstance(value, pandas.Index) and value.nlevels == 1:
        return ["index", _column(value.to_series()), None, value.name]
    if isinstance(value, pandas.Timestamp):
        return ["timestamp", value.isoformat(), None, None]
    return None


def _column(series: Any) -> Any:
    array = series.to_numpy()
    if array.dtype.kind in _KINDS:
        return np.asarray(array)
    return [None if v is None or v != v else v for v in array.tolist()]


def _parts_to_frame(kind: Any, parts: list[Any]) -> Any:
    pandas = sys.modules.get("pandas")
    data, index, names = parts
    if kind == "timestamp":
        return pandas.Timestamp(data) if pandas is not None else data
    if pandas is None:
        return data
    if kind == "index":
        return pandas.Index(data, name=names)
    if kind == "series":
        return pandas.Series(data, index=pandas.Index(index), name=names)
    if kind != "frame" or len(data) != len(names):
        raise CodecError("not a data frame")
    frame = pandas.DataFrame(dict(enumerate(data)), index=pandas.Index(index))
    frame.columns = pandas.Index(names)
    return frame


# Mutables that both sides hold


def is_shareable(value: Any) -> bool:
    """Whether a change of `value` on one side must reach the other."""
    if isinstance(value, np.random.Generator):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in _KINDS and value.nbytes <= SHARED_BYTES
    if isinstance(value, list | dict | set):
        return len(value) <= 10_000
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, getattr(torch, "Tensor", ())):
        return value.numel() * value.element_size() <= SHARED_BYTES
    return False


def assign(target: Any, source: Any) -> None:
    """Make `target` equal to `source` in place, keeping the identity of what it holds.

    >>> rows = [[1], [2]]; inner = rows[0]
    >>> assign(rows, [[5], [2], [3]]); rows, inner
    ([[5], [2], [3]], [5])
    """
    if isinstance(target, np.ndarray):
        fits = isinstance(source, np.ndarray) and target.shape == source.shape
        if fits and target.flags.writeable:
            target[...] = source
    elif isinstance(target, list) and isinstance(source, list):
        target[:] = [_merge(target[i], v) if i < len(target) else v for i, v in enumerate(source)]
    elif isinstance(target, dict) and isinstance(source, dict):
        merged = {k: _merge(target[k], v) if k in target else v for k, v in source.items()}
        target.clear()
        target.update(merged)
    elif isinstance(target, set) and isinstance(source, set):
        target.clear()
        target.update(source)
    elif isinstance(target, np.random.Generator) and isinstance(source, np.random.Generator):
        target.bit_generator.state = source.bit_generator.state
    elif hasattr(target, "requires_grad") and getattr(source, "shape", None) == target.shape:
        target.data.copy_(source.data if hasattr(source, "data") else source)


def _merge(old: Any, new: Any) -> Any:
    same_kind = type(old) is type(new) and isinstance(old, np.ndarray | list | dict | set)
    if same_kind or (type(old) is type(new) and hasattr(old, "requires_grad")):
        if getattr(old, "shape", None) != getattr(new, "shape", None):
            return new
        if getattr(old, "dtype", None) != getattr(new, "dtype", None):
            return new
        assign(old, new)
        return old
    return new


class Shared:
    """The mutables that crossed lately, so that changes made on one side reach the other.

    With each message a side sends the new content of shared objects that it changed; the other
    side assigns it in place. An object that comes back is recognised as the same. What a student's
    function returned is sent back only when the test passes it on: a test that subtracts its
    expected values in place must not publish them.

    Args:
        first_id: 0 on the judge's side, 1 on the student's, so that numbers never clash.
    """

    def __init__(self, first_id: int) -> None:
        self.next_id = first_id
        self.objects: dict[int, Any] = {}
        self.seen: dict[int, bytes] = {}
        self.ids: dict[int, int] = {}
        self.private: set[int] = set()
        self.changed_by_other: set[int] = set()

    def _form(self, value: Any, hooks: Hooks) -> bytes:
        encoder = Encoder(hooks)
        try:
            header = json.dumps(encoder.content(value, 0)).encode()
        except CannotCross:
            return b""
        return header + b"\n" + encoder.body.getvalue()

    def _keep(self, number: int, value: Any, form: bytes) -> None:
        self.objects[number] = value
        self.ids[id(value)] = number
        self.seen[number] = form
        while len(self.objects) > SHARED_COUNT:
            self.forget(next(iter(self.objects)))

    def forget(self, number: int) -> None:
        """Stop sharing the object of that number."""
        value = self.objects.pop(number, None)
        if self.ids.get(id(value)) == number:
            del self.ids[id(value)]
        self.seen.pop(number, None)
        self.private.discard(number)

    def encode(self, value: Any, encoder: Encoder, depth: int) -> Any:
        """Return a reference if `value` is shared already, else its content with a number."""
        number = self.ids.get(id(value))
        if number is not None and self.objects.get(number) is value:
            encoder.referred.add(number)
            return ["&", number]
        form = encoder.content(value, depth)
        self.next_id += 2
        encoder.brought.append(self.next_id)
        self._keep(self.next_id, value, self._form(value, encoder.hooks))
        return ["m", self.next_id, form]

    def decode(self, tag: str, parts: list[Any], decoder: Decoder, depth: int) -> Any:
        """Return the shared object that a form names or brings."""
        number = parts[0]
        if type(number) is not int:
            raise CodecError("not a number of a shared object")
        if tag == "&":
            if number not in self.objects:
                raise CodecError("an unknown shared object")
            return self.objects[number]
        if number in self.objects or (number ^ self.next_id) & 1 == 0:
            raise CodecError("a shared object brought twice")
        value = decoder.decode(parts[1], depth)
        self._keep(number, value, self._form(value, decoder.hooks))
        decoder.brought.append(number)
        return value

    def changes(self, encoder: Encoder) -> list[Any]:
        """Return [number, content] for every shared object changed since it last crossed."""
        found = []
        for number, value in list(self.objects.items()):
            if number in self.private and number not in encoder.referred:
                continue
            if number in encoder.brought:
                continue
            form = self._form(value, encoder.hooks)
            if form and form != self.seen[number]:
                self.seen[number] = form
                found.append([number, encoder.content(value, 0)])
        return found

    def _follow_protection(self, target: Any, value: Any) -> None:
        """Let the student's copy be read-only when the test's array is; never the reverse."""
        if self.next_id % 2 and isinstance(target, np.ndarray) and isinstance(value, np.ndarray):
            if value.flags.writeable or target.shape != value.shape:
                target.flags.writeable = value.flags.writeable
            elif target.flags.writeable:
                target[...] = value
                target.flags.writeable = False

    def apply(self, changes: Any, decoder: Decoder) -> None:
        """Assign in place what the other side changed."""
        if type(changes) is not list:
            raise CodecError("not a list of changes")
        for change in changes:
            if type(change) is not list or len(change) != 2 or type(change[0]) is not int:
                raise CodecError("not a change")
            value = decoder.decode(change[1], 1)
            target = self.objects.get(change[0])
            if target is not None:
                self._follow_protection(target, value)
                assign(target, value)
                self.seen[change[0]] = self._form(target, decoder.hooks)
                self.changed_by_other.add(change[0])


# Frames


class Channel:
    """Framed messages over a stream socket, with limits on what is accepted.

    Args:
        sock: one end of a connected stream.
        max_header: most bytes of JSON accepted in one message.
        max_body: most raw bytes accepted in one message.
    """

    def __init__(
        self, sock: socket.socket, max_header: int = MAX_HEADER, max_body: int = MAX_BODY
    ) -> None:
        self.sock = sock
        self.max_header = max_header
        self.max_body = max_body
        self.received = 0  # bytes, so that a reader can bound a whole conversation

    def fileno(self) -> int:
        """The descriptor, for `select`."""
        return self.sock.fileno()

    def send(
        self, header: Any, body: bytes | memoryview = b"", timeout: float | None = None
    ) -> None:
        """Send one message; raises OSError when the other side is gone or does not read."""
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        if len(text) > MAX_HEADER or len(body) > MAX_BODY:
            raise CannotCross(f"a message of {len(text) + len(body)} bytes is too large")
        self.sock.settimeout(timeout)
        self.sock.sendall(_LENGTHS.pack(len(text), len(body)) + text)
        if len(body):
            self.sock.sendall(body)

    def receive(self, timeout: float | None = None) -> tuple[Any, bytes]:
        """Return header and body of the next message.

        Raises:
            EOFError: the other side closed.
            TimeoutError: nothing whole arrived in `timeout` seconds.
            CodecError: the message is too large or not JSON.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        header_length, body_length = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        if header_length > self.max_header or body_length > self.max_body:
            raise CodecError(f"a message of {header_length + body_length} bytes is too large")
        text = self._read(header_length, deadline)
        body = self._read(body_length, deadline)
        self.received += header_length + body_length
        try:
            return json.loads(text), body
        except (ValueError, RecursionError) as error:
            raise CodecError(f"not JSON: {type(error).__name__}") from None

    def _read(self, count: int, deadline: float | None) -> bytes:
        data = bytearray()
        while len(data) < count:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                    raise TimeoutError("no answer in time")
            self.sock.settimeout(None)
            piece = self.sock.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise EOFError("the other side closed")
            data += piece
        return bytes(data)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


def roundtrip(value: Any, hooks: Hooks | None = None) -> Any:
    """Encode and decode `value`, as a crossing would.

    >>> roundtrip({"a": (1, 2.5, b"x"), 3: {4}})
    {'a': (1, 2.5, b'x'), 3: {4}}
    """
    encoder = Encoder(hooks)
    header = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(encoder.body.getvalue(), hooks).decode(header)
