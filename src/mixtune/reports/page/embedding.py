"""Tables and specifications as JSON inside an HTML page, small and unable to end its script element."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def to_json(value: Any) -> str:
    """JSON without any character that means something to an HTML or JavaScript parser; what is not finite is null."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(ESCAPES)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def pack(frame: pd.DataFrame, digits: int = 5) -> dict[str, Any]:
    """A table as columns: `{rows, columns: {name: values}}`.

    Args:
        digits: Decimals of fractions.

    Returns:
        A missing value is None. Text that repeats stands once: `{of: texts, at: places in it}`.
    """
    return {"rows": len(frame), "columns": {name: _column(frame[name], digits) for name in frame}}


def _column(values: pd.Series, digits: int) -> list[Any] | Mapping[str, Any]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return [None if pd.isna(one) else round(one, digits) for one in values.tolist()]
    codes, texts = pd.factorize(values)
    if len(texts) > len(values) / 2:
        return values.tolist()
    return {"of": list(texts), "at": codes.tolist()}
