"""Compact JSON for embedding in an HTML page, which cannot end its script element."""

import json
import math
from collections.abc import Mapping

import pandas as pd

ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def to_json(value: object) -> str:
    """Return JSON without any character that is special to HTML or JavaScript parsers; non-finite numbers are null.

    >>> print(to_json({"label": "</script>", "f1": float("nan")}))
    {"label":"\\u003c/script\\u003e","f1":null}
    """
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(ESCAPES)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def pack(frame: pd.DataFrame, digits: int = 5) -> dict[str, object]:
    """Return a table as columns: `{rows, columns: {name: values}}`.

    Args:
        frame: The table.
        digits: Decimals of fractions.

    Returns:
        A missing value is None. Columns of repeated texts are dictionary-encoded: `{of: texts, at: indices}`.

    >>> pack(pd.DataFrame({"f1": [1 / 3, None], "label": ["a", "a"]}), digits=3)["columns"]
    {'f1': [0.333, None], 'label': {'of': ['a'], 'at': [0, 0]}}
    """
    return {"rows": len(frame), "columns": {name: _column(column, digits) for name, column in frame.items()}}


def _column(values: pd.Series, digits: int) -> list[object] | Mapping[str, object]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return [None if pd.isna(value) else round(value, digits) for value in values.tolist()]
    codes, texts = pd.factorize(values)
    if len(texts) > len(values) / 2:
        return values.tolist()
    return {"of": list(texts), "at": codes.tolist()}
