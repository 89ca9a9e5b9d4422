import json

import pandas as pd

from mixtune.reports.page.embedding import pack, to_json


def test_embedded_json_cannot_end_its_element():
    text = to_json({"</script><!--": "&\u2028\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script><!--": "&\u2028\u2029"}
    assert to_json([{"missing": float("nan")}, float("inf")]) == '[{"missing":null},null]'


def test_packed_columns_hold_every_value():
    frame = pd.DataFrame({"x": [1 / 3, None, 2.0], "n": [1, 2, 3], "kind": ["a", "a", "a"], "id": ["p", "q", "r"]})
    assert pack(frame, digits=3) == {
        "rows": 3,
        "columns": {"x": [0.333, None, 2.0], "n": [1, 2, 3], "kind": {"of": ["a"], "at": [0, 0, 0]}, "id": [*"pqr"]},
    }
