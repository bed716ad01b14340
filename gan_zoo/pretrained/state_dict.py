"""PyTorch's files of a state dict, read without PyTorch, and without running what else a pickle may ask for.

Both formats: a zip of a pickle and the tensors' storages; before PyTorch 1.6, pickles with the storages after them.
"""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format
TYPES = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BoolStorage": "?", "ByteStorage": "u1"},
    **{"CharStorage": "i1", "ShortStorage": "<i2", "IntStorage": "<i4", "LongStorage": "<i8"},
}


class Tensor(NamedTuple):
    """Where a tensor lies in a storage; offset and strides count its elements."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name; what else it holds is left out.

    Raises:
        pickle.UnpicklingError, ...: it is no such file, or asks for other classes.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            (name,) = (name for name in file.namelist() if name.endswith("/data.pkl"))
            with file.open(name) as pickled:
                reader = _Reader(pickled)
                state = reader.load()
            folder = name.removesuffix("data.pkl")
            storages = {
                key: np.frombuffer(file.read(f"{folder}data/{key}"), kind) for key, kind in reader.kinds.items()
            }
    else:
        with open(path, "rb") as file:
            state, storages = _older(file)
    return {name: _array(x, storages[x.storage]) for name, x in state.items() if isinstance(x, Tensor)}


def _older(file: BinaryIO) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The format's version, the machine's, the state, the storages' keys, and each one's count and elements."""
    if _Reader(file).load() != MAGIC:
        raise pickle.UnpicklingError("it does not begin as PyTorch's files do")
    for _ in ("protocol", "machine"):
        _Reader(file).load()
    reader = _Reader(file)
    state, storages = reader.load(), {}
    for key in _Reader(file).load():
        kind = np.dtype(reader.kinds[key])
        (count,) = np.frombuffer(file.read(8), "<i8")
        elements = file.read(count * kind.itemsize)
        if len(elements) < count * kind.itemsize:
            raise pickle.UnpicklingError("the file is cut off")
        storages[key] = np.frombuffer(elements, kind)
    return state, storages


class _Reader(pickle.Unpickler):
    """Knows the classes of tensors only; ``kinds`` are the types of the storages that it has met."""

    def __init__(self, file: Any):
        super().__init__(file)
        self.kinds: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, strides, *_: Tensor(
                storage, offset, tuple(shape), tuple(strides)
            ),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            **{("torch", kind): code for kind, code in TYPES.items()},
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}, which is no part of a state dict")
        return known[module, name]

    def persistent_load(self, found: tuple) -> str:
        _, kind, key, *_ = found
        self.kinds[key] = kind
        return key


def _array(tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    strides = [step * storage.itemsize for step in tensor.strides]
    part = storage[tensor.offset :]
    last = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
    beyond = 0 not in tensor.shape and last >= len(part)
    if beyond or min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0:
        raise pickle.UnpicklingError("a tensor goes beyond its storage")
    return np.lib.stride_tricks.as_strided(part, tensor.shape, strides).copy()
