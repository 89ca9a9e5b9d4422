"""Details of a score on the page: labels, confusions, errors, reduced to the size of a page."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import NotRequired, TypedDict, cast

import pandas as pd

from ...artifacts.manifests import digest
from .inputs import SCORE

INVENTED, CONFUSED, ERRORS, TEXT = 8, 20, 6, 500

LIMITS = {
    "per_class": f"Of labels without gold examples, the {INVENTED} most frequently predicted are shown.",
    "confusion": f"The {CONFUSED} most frequent pairs of each score are shown.",
    "errors": f"At most {ERRORS} errors per score are shown, sampled by a hash of their ids; long texts are truncated "
    f"to about {TEXT} characters around the mentions.",
}
"""Notes on reduced tables."""


class Passage(TypedDict):
    """A text with two mentions; a missing offset is None or NaN."""

    text: str
    head: str
    tail: str
    head_start: NotRequired[float | None]
    head_end: NotRequired[float | None]
    tail_start: NotRequired[float | None]
    tail_end: NotRequired[float | None]


def score_details(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the reduced tables of details; their column `score` is the row number in `scores`."""
    reductions = {"per_class": _per_class, "confusion": _confusion, "errors": _errors, "strata": _strata}
    return {
        name: reduce(_with_score_index(tables[name], tables["scores"]))
        for name, reduce in reductions.items()
        if name in tables
    }


def _with_score_index(frame: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    key = ["system", "condition", "benchmark"]
    indices = scores[key].assign(score=range(len(scores)))
    return frame.merge(indices, on=key).drop(columns=SCORE).sort_values("score", kind="stable", ignore_index=True)


def _per_class(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(in_gold=frame["support"] > 0)
    rank = frame.groupby(["score", "in_gold"])["fp"].rank(ascending=False, method="first")
    columns = ["score", "label", "support", "tp", "fp", "fn", "precision", "recall", "f1"]
    return frame.loc[frame["in_gold"] | (rank <= INVENTED), columns]


def _confusion(frame: pd.DataFrame) -> pd.DataFrame:
    wrong = frame.loc[frame["gold"] != frame["predicted"]].sort_values(["score", "count"], ascending=[True, False])
    return wrong.loc[wrong.groupby("score").cumcount() < CONFUSED, ["score", "gold", "predicted", "count"]]


def _strata(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[:, ["score", "stratum", "bin", "n", "micro_f1"]]


def _errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Sample the same ids for every system, so that their predictions are comparable; `parts`: see `mark_mentions`."""
    order = {id: digest(id) for id in frame["id"].unique()}
    frame = frame.assign(order=frame["id"].map(order.get)).sort_values(["score", "order"], kind="stable")
    frame = frame.loc[frame.groupby("score").cumcount() < ERRORS]
    passages = cast(list[Passage], frame.to_dict("records"))
    parts = pd.Series([mark_mentions(passage) for passage in passages], index=frame.index, dtype=object)
    return frame.assign(parts=parts).loc[:, ["score", "id", "parts", "head", "tail", "gold", "predicted"]]


def mark_mentions(row: Passage) -> tuple[tuple[str, int], ...]:
    """Return a text with its mentions marked; a long text is truncated to their surroundings.

    Args:
        row: `text`, `head`, `tail`, and optionally their offsets in characters; without them, the first occurrence is
            marked.

    Returns:
        Pairs of a piece of text and its mark: 0 none, 1 head, 2 tail, 3 both.

    >>> mark_mentions({"text": "Ann met Bo.", "head": "Ann", "tail": "Bo"})
    (('Ann', 1), (' met ', 0), ('Bo', 2), ('.', 0))
    """
    text = row["text"]
    spans = {
        1: _span(text, row["head"], row.get("head_start"), row.get("head_end")),
        2: _span(text, row["tail"], row.get("tail_start"), row.get("tail_end")),
    }
    spans = {mark: (start, end) for mark, (start, end) in spans.items() if 0 <= start < end <= len(text)}
    parts: list[tuple[str, int]] = []
    last = 0
    for start, end in _shown_spans(len(text), spans.values()):
        parts += [("…", 0)] if start > last else []
        inside = {edge for span in spans.values() for edge in span if start < edge < end}
        edges = sorted({start, end, *inside})
        for left, right in pairwise(edges):
            mark = sum(mark for mark, (begin, finish) in spans.items() if begin <= left and right <= finish)
            parts.append((text[left:right], mark))
        last = end
    return tuple(parts + ([("…", 0)] if last < len(text) else []))


def _span(text: str, mention: str, start: float | None, end: float | None) -> tuple[int, int]:
    if start is None or end is None or pd.isna(start) or pd.isna(end):
        first = text.find(mention) if mention else -1
        return first, first + len(mention)
    return int(start), int(end)


def _shown_spans(length: int, spans: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans of a text that are shown, in order and without overlap."""
    if length <= TEXT:
        return [(0, length)]
    margin = TEXT // (2 * max(1, len(spans)))
    shown: list[tuple[int, int]] = []
    for start, end in sorted(spans) or [(0, 0)]:
        start, end = max(0, start - margin), min(length, end + margin)
        if shown and start <= shown[-1][1]:
            first, last = shown.pop()
            start, end = first, max(last, end)
        shown.append((start, end))
    return shown
