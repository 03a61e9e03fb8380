"""The judge's process: runs the instructor's cells and the tests, and never a student's line.

A name that a test uses and the student defined is looked up in the student's process, each time
it is used. Data comes back as data; a function, a class, a model comes back as a stand-in whose
calls, attributes and items are questions to the student's process. A stand-in is never asked
whether it equals something: comparisons happen here, between values that arrived as data.

What works and what cannot is listed above the class `Remote`.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import linecache
import operator
import os
import symtable
import sys
import threading
import traceback
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from runtun.grading.codec import (
    CannotCross,
    Channel,
    CodecError,
    Decoder,
    Encoder,
    Hooks,
    Shared,
    good_name,
)
from runtun.grading.student import (
    SEEDS,
    Outputs,
    Stream,
    forget_shell,
    make_shell,
    seed_everything,
    write_files,
)
from runtun.grading.syntax import parse

MAX_ITEMS = 1_000_000  # of one iteration over a student's object
MAX_RECEIVED = 1 << 30  # bytes from the student's process during one cell
READABLE = frozenset(
    [
        "__name__",
        "__doc__",
        "__qualname__",
        "__module__",
        "__dict__",
        "__annotations__",
        "__defaults__",
        "__kwdefaults__",
        "__code__",
        "__wrapped__",
        "__slots__",
        "__self__",
        "__func__",
        "__bases__",
    ]
)
VERDICTS = frozenset(
    [
        "equals",
        "equal",
        "allclose",
        "isclose",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "identical",
        "array_equal",
        "almost_equals",
        "is_equal",
        "same",
        "compare",
        "assert_equal",
    ]
)
_DATA = (
    *(int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, type),
    *(np.ndarray, np.generic, BaseException),
)


class StudentGone(BaseException):
    """The student's process died, hung or broke the rules; no test goes on after that.

    Not an `Exception`: a test that catches everything must not take it for an answer.
    """


# Works on a stand-in: calling, attributes and items (read, set, delete), iteration, `len`, `bool`,
# `float`, `int`, `str`, `repr`, `dir`, `isinstance` and `issubclass` against the student's and
# against library classes, `copy.deepcopy`, `with`, `np.asarray`, `inspect.signature`.
#
# Cannot: gradients through the student's functions (`backward` in the test), the source or the
# byte code of a function, passing a library object that the test built (a model, an optimizer) to
# the student. Equality is identity: a stand-in equals itself only.
class Remote:  # no docstring: `f.__doc__` is the student's
    __slots__ = ("__weakref__", "_runtun_classes", "_runtun_link", "_runtun_number")

    def __init__(self, link: StudentLink, number: int, classes: list[list[str]]) -> None:
        object.__setattr__(self, "_runtun_link", link)
        object.__setattr__(self, "_runtun_number", number)
        object.__setattr__(self, "_runtun_classes", classes)

    def _runtun_ask(self, op: str, *args: Any, **kwargs: Any) -> Any:
        return self._runtun_link.ask(op, self, *args, **kwargs)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return self._runtun_link.library_class(self._runtun_classes) or type(self)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self._runtun_ask("getattr", "__doc__")

    def __getattr__(self, name: str) -> Any:
        # A name such as __array_interface__ must not be answered: NumPy would read memory there.
        if name.startswith("__") and name.endswith("__") and name not in READABLE:
            raise AttributeError(name)
        if name in VERDICTS and name not in self._runtun_link.methods:
            # `result.equals(expected)` would let the student's object decide, and show it the
            # expected value. An array, a tensor or a table arrives as data and has its own.
            raise AttributeError(f"a student's object is not asked whether it {name}")
        return self._runtun_ask("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._runtun_ask("setattr", name, value)

    def __delattr__(self, name: str) -> None:
        self._runtun_ask("delattr", name)

    def __getitem__(self, key: Any) -> Any:
        return self._runtun_ask("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._runtun_ask("setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        self._runtun_ask("delitem", key)

    def __len__(self) -> int:
        return self._runtun_link.typed(int, self._runtun_ask("len"))

    def __bool__(self) -> bool:
        return self._runtun_link.typed(bool, self._runtun_ask("bool"))

    def __float__(self) -> float:
        return self._runtun_link.typed(float, self._runtun_ask("float"))

    def __int__(self) -> int:
        return self._runtun_link.typed(int, self._runtun_ask("int"))

    def __index__(self) -> int:
        return self._runtun_link.typed(int, self._runtun_ask("index"))

    def __str__(self) -> str:
        return self._runtun_link.typed(str, self._runtun_ask("str"))

    def __repr__(self) -> str:
        return self._runtun_link.typed(str, self._runtun_ask("repr"))

    def __dir__(self) -> list[str]:
        return [n for n in self._runtun_ask("dir") if isinstance(n, str)]

    def __iter__(self) -> Iterator[Any]:
        iterator = self._runtun_ask("iter")
        for _ in range(MAX_ITEMS):
            item = self._runtun_link.ask("next", iterator)
            if item == ():
                return
            yield item[0]
        raise RuntimeError(f"more than {MAX_ITEMS} items")

    def __contains__(self, wanted: Any) -> bool:
        return any(item is wanted or item == wanted for item in self)

    def __enter__(self) -> Any:
        return self._runtun_ask("enter")

    def __exit__(self, *_: object) -> None:
        self._runtun_ask("exit")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._runtun_ask("deepcopy")

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, Remote):
            return False
        return self._runtun_link.typed(bool, self._runtun_link.ask("isinstance", value, self))

    def __subclasscheck__(self, value: Any) -> bool:
        if not isinstance(value, Remote):
            return False
        return self._runtun_link.typed(bool, self._runtun_link.ask("issubclass", value, self))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self._runtun_link.typed(np.ndarray, self._runtun_ask("array"))
        return array if dtype is None else array.astype(dtype)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("an object of the student's process cannot be pickled")


class RemoteCallable(Remote):  # a stand-in that can be called
    __doc__ = Remote.__doc__

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._runtun_ask("call", *args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        parameters = []
        for name, kind, optional in self._runtun_ask("signature"):
            if not good_name(name) or kind not in range(5):
                raise TypeError("no signature")
            default = ... if optional else inspect.Parameter.empty
            kinds = list(type(inspect.Parameter.VAR_KEYWORD))
            parameters.append(inspect.Parameter(name, kinds[kind], default=default))
        return inspect.Signature(parameters)


class RemoteIterator(Remote):  # a stand-in for a generator or another iterator
    __doc__ = Remote.__doc__

    __slots__ = ()

    def __iter__(self) -> RemoteIterator:
        return self

    def __next__(self) -> Any:
        item = self._runtun_ask("next")
        if item == ():
            raise StopIteration
        return item[0]


class JudgeHooks(Hooks):
    """Stand-ins for the student's handles; names and numbers for what the test passes on."""

    def __init__(self, link: StudentLink) -> None:
        self.link = link
        self.callables: dict[int, Any] = {}

    def encode_object(self, value: Any, encoder: Encoder) -> list[Any]:
        """Return a form for a stand-in, a library object, or something callable."""
        if type(value) in (Remote, RemoteCallable, RemoteIterator):
            return ["h", value._runtun_number]
        if isinstance(value, types.ModuleType):
            return ["k", value.__name__, ""]
        known = self.link.common.get(id(value))
        if known is not None and self.link.namespace.get(known) is value:
            return ["u", known]
        named = _library_name(value)
        if named is not None:
            return ["k", *named]
        if callable(value) and isinstance(
            value, types.FunctionType | types.MethodType | types.BuiltinFunctionType
        ):
            self.callables[id(value)] = value
            return ["j", id(value), getattr(value, "__name__", "function")]
        kind = type(value)
        if self.link.common.get(id(kind)) and isinstance(getattr(value, "__dict__", None), dict):
            fields = [[k, encoder.encode(v, 6)] for k, v in vars(value).items()]
            return ["x", self.link.common[id(kind)], fields]
        raise CannotCross(
            f"a {kind.__name__} that the test made cannot be given to the student's code; "
            "give it arrays, numbers, text, lists, dicts or functions"
        )

    def decode_object(self, tag: str, parts: list[Any], decoder: Decoder) -> Any:
        """Return the stand-in for a handle, or the judge's own function that came back."""
        if tag == "j":
            if parts[0] not in self.callables:
                raise CodecError("an unknown function")
            return self.callables[parts[0]]
        if tag != "h":
            raise CodecError(f"unexpected tag {tag!r}")
        number, abilities, classes = parts
        if type(number) is not int or type(abilities) is not str or not _are_names(classes):
            raise CodecError("not a handle")
        return self.link.stand_in(number, abilities, classes)


def _are_names(classes: Any) -> bool:
    return (
        type(classes) is list
        and len(classes) <= 20
        and all(
            type(c) is list and len(c) == 2 and type(c[0]) is type(c[1]) is str for c in classes
        )
    )


def _library_name(value: Any) -> tuple[str, str] | None:
    """The module and name of a library's function, class or dtype, if that is what it is."""
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if type(value).__name__ == "dtype" and type(value).__module__ == "torch":
        return ("torch", str(value).removeprefix("torch."))
    if type(value).__name__ == "ufunc":
        module = "numpy"
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__":
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


class StudentLink:
    """The judge's end of the call channel.

    Args:
        channel: to the student's process.
        namespace: the judge's global names, to find classes that both processes define.
    """

    def __init__(self, channel: Channel, namespace: dict[str, Any]) -> None:
        self.channel = channel
        self.namespace = namespace
        self.hooks = JudgeHooks(self)
        self.shared = Shared(first_id=0)
        self.lock = threading.RLock()
        self.gone = ""
        self.seeds: list[tuple[str, int]] = []
        self.released: list[int] = []
        self.limit = MAX_RECEIVED
        self.common: dict[int, str] = {}
        self.methods: set[str] = set()  # that the instructor's solution defines
        self.own_stdout: Any = None
        self._stand_ins: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._exceptions: dict[tuple[str, str, type], type] = {}

    def begin_cell(self) -> None:
        """Allow a new cell its own amount of answers."""
        self.limit = self.channel.received + MAX_RECEIVED
        self.shared.changed_by_other.clear()

    def fail(self, reason: str) -> StudentGone:
        """Note why the student's process is of no more use."""
        self.gone = self.gone or reason
        return StudentGone(self.gone)

    def ask(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """Put a question to the student's process and return what it answers, as data.

        Raises:
            Exception: what the student's code raised, rebuilt from data.
            StudentGone: there will be no answer.
        """
        with self.lock:
            if self.gone:
                raise StudentGone(self.gone)
            encoder = Encoder(self.hooks, self.shared)
            try:
                request: dict[str, Any] = {"op": op}
                request["args"] = [encoder.encode(a) for a in args]
                request["kwargs"] = {k: encoder.encode(v) for k, v in kwargs.items()}
                request["changes"] = self.shared.changes(encoder)
            except BaseException:
                for number in encoder.brought:
                    self.shared.forget(number)
                raise
            request["seeds"], self.seeds = self.seeds, []
            request["release"], self.released = self.released, []
            self._send(request, encoder)
            while True:
                reply, body = self._receive()
                decoder = Decoder(body, self.hooks, self.shared)
                try:
                    if "callback" in reply:
                        self._call_back(reply, decoder)
                        continue
                    return self._result(op, reply, decoder)
                except (CodecError, RecursionError, MemoryError) as error:
                    raise self.fail(f"broke the rules of the exchange: {error}") from None

    def _send(self, message: dict[str, Any], encoder: Encoder) -> None:
        try:
            self.channel.send(message, encoder.body.getbuffer())
        except CannotCross:
            raise
        except OSError:
            raise self.fail("the student's process ended") from None

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        try:
            reply, body = self.channel.receive()
        except (EOFError, OSError):
            raise self.fail("the student's process ended") from None
        except (CodecError, MemoryError) as error:
            raise self.fail(f"broke the rules of the exchange: {error}") from None
        if self.channel.received > self.limit:
            raise self.fail("answered with more data than a test may need")
        if type(reply) is not dict:
            raise self.fail("broke the rules of the exchange: not an answer")
        return reply, body

    def _result(self, op: str, reply: dict[str, Any], decoder: Decoder) -> Any:
        value: Any = None
        if "error" not in reply:
            if "value" not in reply:
                raise CodecError("an answer without a value")
            value = decoder.decode(reply["value"])
        if "changes" in reply:
            self.shared.apply(reply["changes"], decoder)
        if op == "call":
            self.shared.private.update(decoder.brought)
        printed = reply.get("printed")
        if type(printed) is str and printed and sys.stdout is not self.own_stdout:
            sys.stdout.write(printed)  # the test listens to what the student's code prints
        if "error" in reply:
            raise self.exception(reply["error"])
        return value

    def _call_back(self, request: dict[str, Any], decoder: Decoder) -> None:
        function = self.hooks.callables.get(request["callback"])
        args = [decoder.decode(a) for a in _expect(request.get("args"), list)]
        kwargs = {k: decoder.decode(v) for k, v in _expect(request.get("kwargs"), dict).items()}
        self.shared.apply(request.get("changes"), decoder)
        encoder = Encoder(self.hooks, self.shared)
        try:
            if function is None:
                raise CodecError("an unknown function")
            answer = {"value": encoder.encode(function(*args, **kwargs))}
            answer["changes"] = self.shared.changes(encoder)
        except Exception as error:
            for number in encoder.brought:
                self.shared.forget(number)
            encoder = Encoder(self.hooks, self.shared)
            # The message may quote what the test knows, so only the kind of failure crosses.
            answer = {"error": f"the function raised {type(error).__name__}"}
        self._send(answer, encoder)

    def typed(self, kind: type, value: Any) -> Any:
        """Return `value` if it is exactly of that kind.

        Raises:
            TypeError: the student's object converts to something else.
        """
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, received {type(value).__name__}")
        return value

    # Stand-ins and exceptions

    def stand_in(self, number: int, abilities: str, classes: list[list[str]]) -> Any:
        """Return the stand-in for a handle; the same one as long as somebody holds it."""
        if "e" in abilities:
            return self.exception_class(classes)
        found = self._stand_ins.get(number)
        if found is None:
            kind = RemoteIterator if "i" in abilities else Remote
            kind = RemoteCallable if "c" in abilities else kind
            found = kind(self, number, classes)
            weakref.finalize(found, self.released.append, number)
            self._stand_ins[number] = found
        if number in self.released:
            self.released.remove(number)
        return found

    def library_class(self, classes: list[list[str]]) -> type | None:
        """Return the first class of a student's object that the judge's process knows too."""
        for module, name in classes:
            if (module, name) in _BUILTIN_KINDS:
                return _BUILTIN_KINDS[module, name]
            found = self._find_class(module, name)
            if found is None or found is object or issubclass(found, _DATA):
                continue
            # Values of these kinds cross as data; an object that only claims to be one must not
            # be taken apart by the library's own comparison.
            if module.partition(".")[0] in ("numpy", "pandas", "jax", "jaxlib"):
                continue
            if found.__name__ not in ("Tensor", "EagerTensor", "Parameter", "Variable"):
                return found
        return None

    def _find_class(self, module: str, name: str) -> type | None:
        if module.startswith("runtun.grading"):
            return None
        if module == "__main__":
            found = dict.get(self.namespace, name)
        else:
            found = sys.modules.get(module)
            for part in name.split("."):
                found = vars(found).get(part) if hasattr(found, "__dict__") else None
        return found if isinstance(found, type) else None

    def exception_class(self, classes: list[list[str]]) -> type[BaseException]:
        """Return the exception class of that name, or one made up below the nearest known."""
        base: type[BaseException] = Exception
        unknown: list[list[str]] = []
        for module, name in classes:
            found = self._find_class(module, name)
            if found is not None and issubclass(found, BaseException):
                base = found
                break
            unknown.append([module, name])
        if issubclass(base, StopIteration | StopAsyncIteration | GeneratorExit | StudentGone):
            # `all(map(f, xs))` would take a StopIteration out of f for the end of xs.
            unknown.append(["builtins", base.__name__])
            base = RuntimeError
        for module, name in reversed(unknown):
            key = (module, name, base)
            if key not in self._exceptions:
                short = name.rsplit(".", 1)[-1]
                short = short if good_name(short) else "StudentError"
                self._exceptions[key] = type(short, (base,), {"__module__": module})
            base = self._exceptions[key]
        return base

    def exception(self, described: Any) -> BaseException:
        """Rebuild an exception from its description."""
        described = _expect(described, dict)
        classes, text = described.get("classes"), described.get("text")
        if not _are_names(classes) or not classes or type(text) is not str:
            raise CodecError("not an exception")
        kind = self.exception_class(classes)
        args = tuple(Decoder(b"").decode(a) for a in _expect(described.get("args"), list))
        try:
            error = kind.__new__(kind, *args)
            error.args = args
            faithful = str(error) == text
        except Exception:
            faithful = False
        if not faithful:
            told = type(kind.__name__, (kind,), {"__str__": lambda self: text})
            told.__module__ = kind.__module__
            error = told.__new__(told)
            error.args = args
        where = described.get("where")
        if type(where) is list and all(type(w) is str for w in where):
            for line in where[-5:]:
                error.add_note(f"in the student's code: {line[:200]}")
        return error


_BUILTIN_KINDS: dict[tuple[str, str], type] = {
    ("builtins", "function"): types.FunctionType,
    ("builtins", "method"): types.MethodType,
    ("builtins", "generator"): types.GeneratorType,
    ("builtins", "type"): type,
    ("builtins", "module"): types.ModuleType,
}


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise CodecError(f"expected {kind.__name__}")
    return value


class Namespace(dict):
    """The judge's global names; what it does not know is asked of the student's process."""

    def __init__(self) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self.link: StudentLink | None = None
        self.of_student: set[str] = set()

    def __missing__(self, name: Any) -> Any:
        if self.link is None or not good_name(name) or name.startswith("__"):
            raise KeyError(name)
        if name not in self.of_student and hasattr(builtins, name):
            raise KeyError(name)
        try:
            return self.link.ask("name", name)
        except KeyError:
            if name in self.of_student:
                # Not the builtin of that name: the student was to define it.
                raise NameError(f"name {name!r} is not defined") from None
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        if self.link is None or self.link.gone or not good_name(name):
            return False
        names = self.link.ask("names")
        return isinstance(names, tuple) and name in names


def defined_names(source: str) -> tuple[set[str], list[ast.stmt]]:
    """Return the global names that a cell assigns, and its import statements.

    >>> names, imports = defined_names("import numpy as np\\ndef f(): pass\\nx = y = 1")
    >>> sorted(names), [ast.unparse(i) for i in imports]
    (['f', 'x', 'y'], ['import numpy as np'])
    """
    try:
        text = plain_python(source)
        tree = parse(text)
        table = symtable.symtable(text, "cell", "exec")
    except SyntaxError:
        return set(), []
    imports = [s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    symbols = table.get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() and not s.is_imported()}, imports


def method_names(source: str) -> set[str]:
    """Return the names of all functions that a cell defines, also inside classes."""
    try:
        tree = parse(plain_python(source))
    except SyntaxError:
        return set()
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


def plain_python(source: str) -> str:
    """Return a cell's text with IPython's magics turned into calls."""
    try:
        parse(source)
        return source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)


class Judge:
    """Runs cells of the instructor's, in order, at the worker's word.

    Args:
        control: orders of the worker.
        calls: questions to the student's process.
        task: {"seed", "cell_output_bytes"}.
    """

    def __init__(self, control: Channel, calls: Channel, task: dict[str, Any]) -> None:
        self.control = control
        self.outputs = Outputs(int(task["cell_output_bytes"]))
        self.stdout = Stream("stdout", self.outputs)
        self.stderr = Stream("stderr", self.outputs)
        sys.stdout, sys.stderr = self.stdout, self.stderr  # type: ignore[assignment]
        sys.__stdout__, sys.__stderr__ = self.stdout, self.stderr  # type: ignore[assignment]
        self.namespace = Namespace()
        self.link = StudentLink(calls, self.namespace)
        self.link.own_stdout = self.stdout
        self.namespace.link = self.link
        module = types.ModuleType("__main__")
        module.__dict__.update(self.namespace)
        sys.modules["__main__"] = module
        seed_everything(int(task["seed"]) + 1)
        for library, (name, function) in SEEDS.items():
            self._follow_seed(library, name, function)
        _compare_nothing_with_something()

    def _follow_seed(self, library: str, name: str, function: str) -> None:
        """Let a test that seeds a global generator seed the student's process too."""
        if library not in sys.modules:
            return
        module = importlib.import_module(name)
        original = getattr(module, function)

        def seed(*args: Any, **kwargs: Any) -> Any:
            value = args[0] if args else next(iter(kwargs.values()), None)
            with contextlib.suppress(TypeError):
                self.link.seeds = [*self.link.seeds[-20:], (library, operator.index(value))]
            return original(*args, **kwargs)

        setattr(module, function, seed)

    def serve(self) -> None:
        """Obey until the worker closes."""
        while True:
            order, body = self.control.receive()
            if order["order"] == "files":
                write_files(Path.cwd(), order["files"], body)
                self.control.send({"done": True})
            elif order["role"] == "student":
                self.learn_names(order["source"])
                self.control.send({"done": True})
            else:
                self.control.send(self.run(order["id"], order["source"], order["role"]))

    def learn_names(self, source: str) -> None:
        """From here on, the names this solution defines are the student's; its imports are run."""
        names, imports = defined_names(source)
        for name in names:
            self.namespace.pop(name, None)
        self.namespace.of_student |= names
        self.link.methods |= method_names(source)
        for statement in imports:
            with contextlib.suppress(Exception):
                code = compile(ast.Module([statement], []), "imports", "exec")
                exec(code, self.namespace)

    def run(self, cell_id: str, source: str, role: str) -> dict[str, Any]:
        """Run one cell; the report is a pass only if it came to its end without an exception."""
        self.outputs.begin()
        self.link.begin_cell()
        sys.stdout, sys.stderr = self.stdout, self.stderr  # type: ignore[assignment]
        filename = f"<cell {cell_id}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        error: BaseException | None = None
        value: Any = None
        try:
            value = self._execute(source, filename)
            shown = _show(value)
        except BaseException as raised:
            error, shown = raised, None
        if role == "shared":
            self._remember_common(source)
        sys.stdout, sys.stderr = self.stdout, self.stderr  # type: ignore[assignment]
        described = None
        if error is not None:
            described = self._describe(error, filename)
        if self.link.gone and described is None:
            described = {"name": "StudentGone", "message": self.link.gone, "line": None}
        elif shown is not None:
            self.outputs.rich("execute_result", {"text/plain": shown}, 1)
        return {
            "done": True,
            "passed": described is None,
            "value": shown,
            "error": described,
            "outputs": self.outputs.take(),
            "gone": self.link.gone,
            "mutated": len(self.link.shared.changed_by_other),
            "flooded": self.outputs.flooded,
        }

    def _execute(self, source: str, filename: str) -> Any:
        text = plain_python(source)
        if "get_ipython" in text and "get_ipython" not in dict.keys(self.namespace):
            make_shell(Outputs(0), [True])
            from IPython.core.getipython import get_ipython

            self.namespace["get_ipython"] = get_ipython
        tree = ast.parse(text, filename)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_silenced(text):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        exec(compile(tree, filename, "exec"), self.namespace)
        if last is None:
            return None
        return eval(compile(last, filename, "eval"), self.namespace)

    def _remember_common(self, source: str) -> None:
        """Functions and classes of the instructor's cells exist in both processes."""
        names, _ = defined_names(source)
        self.namespace.of_student -= names
        for name in names:
            value = dict.get(self.namespace, name)
            if isinstance(value, type | types.FunctionType):
                self.link.common[id(value)] = name

    def _describe(self, error: BaseException, filename: str) -> dict[str, Any]:
        line = None
        with contextlib.suppress(Exception):
            for frame in traceback.extract_tb(error.__traceback__):
                if frame.filename == filename:
                    line = frame.lineno
            if isinstance(error, SyntaxError) and error.filename == filename:
                line = error.lineno
        name, message = type(error).__name__, ""
        with contextlib.suppress(BaseException):
            message = str(error)[:4000]
        lines: list[str] = []
        with contextlib.suppress(BaseException):
            frames = [
                f for f in traceback.extract_tb(error.__traceback__) if f.filename == filename
            ]
            lines = ["Traceback (most recent call last):", *traceback.format_list(frames)]
            lines += traceback.format_exception_only(error)
        self.outputs.error(name, message, [x.rstrip("\n") for x in lines])
        return {"name": name[:200], "message": message, "line": line}


def _compare_nothing_with_something() -> None:
    """Let `np.allclose` say no where an empty array would be close to anything by broadcasting."""
    original = np.allclose

    def allclose(a: Any, b: Any, *args: Any, **kwargs: Any) -> bool:
        sizes = np.size(a), np.size(b)
        if 0 in sizes and sizes != (0, 0):
            return False
        return original(a, b, *args, **kwargs)

    np.allclose = allclose


def _is_silenced(text: str) -> bool:
    return text.rstrip().endswith(";")


def _show(value: Any) -> str | None:
    """The text of a cell's last value; numbers in plain notation, so that they can be points."""
    if value is None:
        return None
    if isinstance(value, Remote):
        return "<an object of the student's process>"
    if isinstance(value, np.generic) and np.issubdtype(value.dtype, np.number):
        value = value.item()
    return repr(value)[:10_000]


def main(control: Channel, calls: Channel) -> None:
    """Serve as the judge's process until the worker closes the control channel."""
    task, _ = control.receive()
    os.environ["MPLBACKEND"] = "agg"
    forget_shell()
    sys.path.insert(0, "")
    judge = Judge(control, calls, task)
    control.send({"ready": True})
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        judge.serve()
