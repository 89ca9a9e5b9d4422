"""What the data of an experiment is like: tables of benchmarks, of texts in common, and of lengths."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...artifacts.manifests import read_json
from ...data.audit import count_shared_texts, count_texts
from ...data.example import SPLITS
from ...data.files import read_examples


def splits(audit: Mapping[str, Any], domain: str = "") -> list[dict[str, Any]]:
    """The numbers of a benchmark's audit.json, one row a split."""
    return [
        {
            "benchmark": audit["benchmark"],
            "domain": domain,
            "split": split,
            "rows": found["rows"],
            "labels": len(found["labels"]),
            "groups": found["groups"],
            "negatives": found["negatives"],
            "outside_inventory": found["outside the inventory"],
            "mentions_missing": found["mentions"]["not in the text"],
            "mentions_repeated": found["mentions"]["in the text more than once"],
            "conflicting_inputs": found["inputs"]["conflicting"],
            "ceiling": found["inputs"]["ceiling"],
            "rows_in_train": audit["shared texts"].get(f"{split} in train", {}).get("rows"),
            "carved": audit["carved"].get(split, ""),
            "warnings": "; ".join(text for text in audit["warnings"] if text.startswith(f"{split} ")),
            "counts": "; ".join(f"{n} × {reason}" for reason, n in sorted(found["counts"].items())),
        }
        for split, found in ((split, audit["splits"][split]) for split in SPLITS)
    ]


def readable(audit: Mapping[str, Any]) -> str:
    """A benchmark's audit.json as text for a terminal: numbers by split, then what was counted and warned of."""
    texts = ("benchmark", "domain", "split", "carved", "warnings", "counts")
    columns = {
        row["split"]: {key.replace("_", " "): _number(n) for key, n in row.items() if key not in texts}
        for row in splits(audit)
    }
    shown = pd.DataFrame(columns)
    lines = [audit["benchmark"], shown.to_string()]
    for split, found in audit["splits"].items():
        lines += [f"  {split}: {how}" for how in filter(None, [audit["carved"].get(split)])]
        lines += [f"  {split}: {n:,} × {reason}" for reason, n in found["counts"].items()]
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in audit["warnings"])])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}"


def data(folders: Iterable[Path], domains: Mapping[str, str]) -> pd.DataFrame:
    """What each split of each prepared benchmark holds, in the order given.

    Returns:
        `rows`, `labels`, `groups`, `negatives`; `outside_inventory`, rows with a label that the inventory lacks;
        `mentions_missing` and `mentions_repeated`, heads and tails that the text lacks or holds more than once;
        `conflicting_inputs`, inputs with several labels, and `ceiling`, the highest accuracy (0..1) that they
        leave; `rows_in_train`, rows whose text the train split has too; `carved`, how a missing split was
        made; `warnings`; `counts`, what the reader counted, by reason.
    """
    rows = [row for folder in folders for row in splits(read_json(folder / "audit.json"), domains[folder.name])]
    return pd.DataFrame(rows).convert_dtypes()


def mixtures(manifests: Iterable[Path]) -> pd.DataFrame:
    """Rows and share (0..1) of each benchmark in each split of each mixture, in the order given."""
    rows = [
        {"mixture": path.parent.name, "benchmark": benchmark, "split": split, **numbers}
        for path in manifests
        for split, parts in sorted(read_json(path)["composition"].items())
        for benchmark, numbers in parts.items()
    ]
    return pd.DataFrame(rows, columns=["mixture", "benchmark", "split", "rows", "share"])


def overlap(mixed: Iterable[Path], benchmarks: Sequence[Path]) -> pd.DataFrame:
    """Test rows of each benchmark whose text is among the training rows of each mixture.

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
            found = count_shared_texts(trained, test)
            rows.append(
                {
                    "mixture": folder.name,
                    "benchmark": benchmark,
                    "test_rows": test.total(),
                    "shared_texts": found["texts"],
                    "shared_rows": found["rows"],
                    "share": round(found["rows"] / test.total(), 6),
                }
            )
    return pd.DataFrame(rows)


def lengths(manifests: Iterable[Path]) -> pd.DataFrame:
    """Lengths in tokens of what was rendered for each model, and how many rows lost what to the limit.

    Args:
        manifests: `…/{model}/training/{mixture}/{shots}-shot/manifest.json` and
            `…/{model}/prompts/{shots}-shot/manifest.json`.

    Returns:
        `model`, `use` (training or prompts), `shots`, `what` (mixture and split, or condition and benchmark),
        `rows`; `p50`, `p90`, `p99`, `max`, quantiles before anything was cut; `demonstrations_cut`, `text_cut`.
    """
    rows = []
    for path in manifests:
        model, use, *mixture, shots, _ = path.parts[-4:] if path.parts[-3] == "prompts" else path.parts[-5:]
        for what, facts in sorted(read_json(path)["rendered"].items()):
            rows.append(
                {
                    "model": model,
                    "use": use,
                    "shots": int(shots.removesuffix("-shot")),
                    "what": "/".join([*mixture, what]),
                    "rows": facts["rows"],
                    **facts["tokens"],
                    "demonstrations_cut": facts.get("demonstrations cut", 0),
                    "text_cut": facts.get("text cut", 0),
                }
            )
    return pd.DataFrame(rows)
