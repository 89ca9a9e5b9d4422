"""Tables of the data: splits of benchmarks, mixtures, overlap with training rows, lengths."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pandas as pd

from ...artifacts.manifests import read_json
from ...data.audit import count_shared_texts, count_texts
from ...data.example import SPLITS
from ...data.files import read_examples
from ...data.formats import Audit, MixtureManifest
from ...prompts.formats import RenderedManifest
from ...systems import parse_shots


class SplitRow(TypedDict):
    """A row of the table `data`; see there."""

    benchmark: str
    domain: str
    split: str
    rows: int
    labels: int
    groups: int
    negatives: int
    outside_inventory: int
    mentions_missing: int
    mentions_repeated: int
    conflicting_inputs: int
    ceiling: float | None
    rows_in_train: int | None
    carved: str
    warnings: str
    counts: str


def splits(audit: Audit, domain: str = "") -> list[SplitRow]:
    """Return the numbers of a benchmark's audit.json, one row per split."""
    return [
        {
            "benchmark": audit["benchmark"],
            "domain": domain,
            "split": split,
            "rows": numbers["rows"],
            "labels": len(numbers["labels"]),
            "groups": numbers["groups"],
            "negatives": numbers["negatives"],
            "outside_inventory": numbers["outside the inventory"],
            "mentions_missing": numbers["mentions"]["not in the text"],
            "mentions_repeated": numbers["mentions"]["in the text more than once"],
            "conflicting_inputs": numbers["inputs"]["conflicting"],
            "ceiling": numbers["inputs"]["ceiling"],
            "rows_in_train": shared["rows"] if (shared := audit["shared texts"].get(f"{split} in train")) else None,
            "carved": audit["carved"].get(split, ""),
            "warnings": "; ".join(text for text in audit["warnings"] if text.startswith(f"{split} ")),
            "counts": "; ".join(f"{n} × {reason}" for reason, n in sorted(numbers["counts"].items())),
        }
        for split, numbers in ((split, audit["splits"][split]) for split in SPLITS)
    ]


def format_audit(audit: Audit) -> str:
    """Return a benchmark's audit.json as text for a terminal: numbers by split, then counts and warnings."""
    texts = ("benchmark", "domain", "split", "carved", "warnings", "counts")
    columns = {
        row["split"]: {key.replace("_", " "): _format_number(n) for key, n in row.items() if key not in texts}
        for row in splits(audit)
    }
    lines = [audit["benchmark"], pd.DataFrame(columns).to_string()]
    for split, numbers in audit["splits"].items():
        lines += [f"  {split}: {origin}" for origin in filter(None, [audit["carved"].get(split)])]
        lines += [f"  {split}: {n:,} × {reason}" for reason, n in numbers["counts"].items()]
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in audit["warnings"])])


def _format_number(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}"


def data(folders: Iterable[Path], domains: Mapping[str, str]) -> pd.DataFrame:
    """Return the audit of each split of each prepared benchmark, in the order given.

    Args:
        folders: Folders of prepared benchmarks.
        domains: Domain of each benchmark.

    Returns:
        `rows`, `labels`, `groups`, `negatives`; `outside_inventory`, rows with a label that is not in the inventory;
        `mentions_missing` and `mentions_repeated`, heads and tails that occur in the text never or more than once;
        `conflicting_inputs`, inputs with several labels, and `ceiling`, the highest accuracy (0..1) possible with
        them; `rows_in_train`, rows whose text is also in the train split; `carved`, the origin of a split that the
        benchmark does not provide; `warnings`; `counts`, the reader's counts by reason.
    """
    rows = [row for folder in folders for row in splits(read_json(folder / "audit.json", Audit), domains[folder.name])]
    return pd.DataFrame(rows).convert_dtypes()


def mixtures(manifests: Iterable[Path]) -> pd.DataFrame:
    """Return rows and share (0..1) of each benchmark in each split of each mixture, in the order given."""
    rows = [
        {"mixture": path.parent.name, "benchmark": benchmark, "split": split, **numbers}
        for path in manifests
        for split, parts in sorted(read_json(path, MixtureManifest)["composition"].items())
        for benchmark, numbers in parts.items()
    ]
    return pd.DataFrame(rows, columns=["mixture", "benchmark", "split", "rows", "share"])


def overlap(mixed: Iterable[Path], benchmarks: Sequence[Path]) -> pd.DataFrame:
    """Count the test rows of each benchmark whose text is among the training rows of each mixture.

    Args:
        mixed: Folders of mixtures.
        benchmarks: Folders of prepared benchmarks.

    Returns:
        `mixture`, `benchmark`, `test_rows`, `shared_texts`, `shared_rows`, `share` (of the test rows, 0..1).
    """
    tests = {folder.name: count_texts(read_examples(folder / "test.parquet")) for folder in benchmarks}
    rows = []
    for folder in mixed:
        trained = count_texts(read_examples(folder / "train.parquet"))
        for benchmark, test in tests.items():
            overlapping = count_shared_texts(trained, test)
            rows.append(
                {
                    "mixture": folder.name,
                    "benchmark": benchmark,
                    "test_rows": test.total(),
                    "shared_texts": overlapping["texts"],
                    "shared_rows": overlapping["rows"],
                    "share": round(overlapping["rows"] / test.total(), 6),
                }
            )
    return pd.DataFrame(rows)


def lengths(manifests: Iterable[Path]) -> pd.DataFrame:
    """Return lengths in tokens of the rows rendered for each model, and the numbers of truncated rows.

    Args:
        manifests: `…/{model}/training/{mixture}/{shots}-shot/manifest.json` and
            `…/{model}/prompts/{shots}-shot/manifest.json`.

    Returns:
        `model`, `use` (training or prompts), `shots`, `what` (mixture and split, or condition and benchmark),
        `rows`; `p50`, `p90`, `p99`, `max`, quantiles before truncation; `demonstrations_cut`, `text_cut`.
    """
    rows = []
    for path in manifests:
        model, use, *mixture, shots, _ = path.parts[-4:] if path.parts[-3] == "prompts" else path.parts[-5:]
        for what, counts in sorted(read_json(path, RenderedManifest)["rendered"].items()):
            rows.append(
                {
                    "model": model,
                    "use": use,
                    "shots": parse_shots(shots),
                    "what": "/".join([*mixture, what]),
                    "rows": counts["rows"],
                    **counts["tokens"],
                    "demonstrations_cut": counts.get("demonstrations cut", 0),
                    "text_cut": counts.get("text cut", 0),
                }
            )
    return pd.DataFrame(rows)
