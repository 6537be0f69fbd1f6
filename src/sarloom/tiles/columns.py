"""Arrow columns from Python values, written out as buffers.

pyarrow's own conversions ask whether pandas is there, which imports it: a quarter of a second in
every process that writes a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .schema import arrow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def arrow_column(values: Sequence[Any], kind: Any) -> Any:
    """An Arrow array of one type of ``arrow_schema`` but pictures; None is null."""
    pa = arrow()
    held = _bits([value is not None for value in values])
    if pa.types.is_list(kind):
        parts = [() if value is None else value for value in values]
        inner = arrow_column(list(chain.from_iterable(parts)), kind.value_type)
        buffers = [held, _ends(parts)]
        return pa.Array.from_buffers(kind, len(values), buffers, children=[inner])
    if pa.types.is_string(kind):
        texts = [b"" if value is None else value.encode() for value in values]
        buffers = [held, _ends(texts), pa.py_buffer(b"".join(texts))]
    elif pa.types.is_boolean(kind):
        buffers = [held, _bits([bool(value) for value in values])]
    else:
        plain, number = _number(pa, kind)
        numbers = [0 if value is None else number(value) for value in values]
        buffers = [held, pa.py_buffer(np.array(numbers, plain))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _number(pa: Any, kind: Any) -> tuple[type[np.generic], Callable[[Any], Any]]:
    """How a type is stored, and what makes a value a number of it."""
    if pa.types.is_timestamp(kind):
        return np.int64, lambda value: (value - _EPOCH) // _MICROSECOND
    return (np.int64, int) if pa.types.is_integer(kind) else (np.float64, float)


def _bits(flags: Sequence[bool]) -> Any:
    packed: NDArray[np.uint8] = np.packbits(np.array(flags, bool), bitorder="little")
    return arrow().py_buffer(packed)


def _ends(parts: Sequence[Sequence[Any]]) -> Any:
    """Where each part ends in all of them joined, after a zero."""
    ends = np.cumsum([0, *map(len, parts)])
    return arrow().py_buffer(ends.astype(np.int32))
