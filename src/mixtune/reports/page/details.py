"""What opens behind a score: labels, confusions, wrong answers; cut down to what a page can hold."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

import pandas as pd

from ...artifacts.manifests import digest
from .inputs import SCORE

INVENTED, CONFUSED, ERRORS, TEXT = 8, 20, 6, 500

LIMITS = {
    "per_class": f"Of labels that gold does not have, the {INVENTED} most predicted are shown.",
    "confusion": f"The {CONFUSED} most frequent pairs of a score are shown.",
    "errors": f"At most {ERRORS} wrong answers of a score are shown, drawn by a hash of their ids; long texts are cut "
    f"to about {TEXT} characters around the mentions.",
}
"""What the page says of what it leaves out."""


def behind_scores(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables behind a score, reduced; `score` is the row of `scores` that a row belongs to."""
    cuts = {"per_class": _per_class, "confusion": _confusion, "errors": _errors, "strata": _strata}
    return {name: cut(_placed(tables[name], tables["scores"])) for name, cut in cuts.items() if name in tables}


def _placed(frame: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    key = ["system", "condition", "benchmark"]
    places = scores[key].assign(score=range(len(scores)))
    return frame.merge(places, on=key).drop(columns=SCORE).sort_values("score", kind="stable", ignore_index=True)


def _per_class(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(in_gold=frame["support"] > 0)
    rank = frame.groupby(["score", "in_gold"])["fp"].rank(ascending=False, method="first")
    columns = ["score", "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
    return frame.loc[frame["in_gold"] | (rank <= INVENTED), columns]


def _confusion(frame: pd.DataFrame) -> pd.DataFrame:
    wrong = frame[frame["gold"] != frame["predicted"]].sort_values(["score", "count"], ascending=[True, False])
    return wrong.loc[wrong.groupby("score").cumcount() < CONFUSED, ["score", "gold", "predicted", "count"]]


def _strata(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["score", "stratum", "bin", "n", "micro_f1"]]


def _errors(frame: pd.DataFrame) -> pd.DataFrame:
    """The same ids come first in every system, so that answers compare; `parts` is the text as `marked` gives it."""
    order = {one: digest(one) for one in frame["id"].unique()}
    frame = frame.assign(order=frame["id"].map(order)).sort_values(["score", "order"], kind="stable")
    frame = frame[frame.groupby("score").cumcount() < ERRORS]
    parts = pd.Series([marked(row) for row in frame.to_dict("records")], index=frame.index, dtype=object)
    return frame.assign(parts=parts)[["score", "id", "parts", "head", "tail", "gold", "predicted"]]


def marked(row: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """A text with its mentions marked, cut far from them where it is long.

    Args:
        row: `text`, `head`, `tail`, and maybe their offsets in characters; without, the first occurrence is marked.

    Returns:
        Pairs of a piece of text and its mark: 0 none, 1 head, 2 tail, 3 both.
    """
    text = row["text"]
    spans = {mark: _span(row, name) for mark, name in ((1, "head"), (2, "tail"))}
    spans = {mark: (start, end) for mark, (start, end) in spans.items() if 0 <= start < end <= len(text)}
    parts: list[tuple[str, int]] = []
    last = 0
    for start, end in _kept(len(text), spans.values()):
        parts += [("…", 0)] if start > last else []
        inside = {edge for span in spans.values() for edge in span if start < edge < end}
        edges = sorted({start, end, *inside})
        for left, right in pairwise(edges):
            mark = sum(mark for mark, (begin, finish) in spans.items() if begin <= left and right <= finish)
            parts.append((text[left:right], mark))
        last = end
    return tuple(parts + ([("…", 0)] if last < len(text) else []))


def _span(row: Mapping[str, Any], name: str) -> tuple[int, int]:
    start, end = row.get(f"{name}_start"), row.get(f"{name}_end")
    if start is None or pd.isna(start) or pd.isna(end):
        start = row["text"].find(row[name]) if row[name] else -1
        end = start + len(row[name])
    return int(start), int(end)


def _kept(length: int, spans: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which stretches of a text are shown, in order and apart from each other."""
    if length <= TEXT:
        return [(0, length)]
    margin = TEXT // (2 * max(1, len(spans)))
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans) or [(0, 0)]:
        start, end = max(0, start - margin), min(length, end + margin)
        if kept and start <= kept[-1][1]:
            first, last = kept.pop()
            start, end = first, max(last, end)
        kept.append((start, end))
    return kept
