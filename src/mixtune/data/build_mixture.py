"""Training mixtures: rows of several benchmarks, capped and balanced, drawn by a seed."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.manifests import write_manifest
from ..errors import UserError
from .example import Example
from .files import read_examples, write_examples


def order(seed: int, id: str) -> bytes:
    """A key that puts examples into an order which depends on the seed and their ids alone."""
    return hashlib.sha256(f"{seed}/{id}".encode()).digest()


def draw(examples: Sequence[Example], rows: int | None, seed: int) -> list[Example]:
    """A uniform sample of at most `rows` examples (None: all), in the drawn order, the same on any machine."""
    return sorted(examples, key=lambda example: order(seed, example.id))[:rows]


def mix(
    sources: Mapping[str, Sequence[Example]],
    domains: Mapping[str, str],
    *,
    balance: str,
    max_rows: int | None,
    seed: int,
) -> list[Example]:
    """The rows of one split of a mixture, shuffled.

    Args:
        sources: The split's examples, by benchmark.
        domains: Domain of each benchmark.
        balance: "natural" draws uniformly from all rows; "domain" takes equal numbers from each domain
            (as many as the smaller one has, or the cap allows), with natural shares inside.
        max_rows: Cap on all rows together; None: no cap.
        seed: Seed of the draw and of the order.
    """
    by_domain: dict[str, list[Example]] = {}
    for benchmark, examples in sources.items():
        domain = domains[benchmark] if balance == "domain" else ""
        by_domain.setdefault(domain, []).extend(examples)
    most = max_rows and max_rows // len(by_domain)
    if balance == "domain":
        smallest = min(map(len, by_domain.values()))
        most = smallest if most is None else min(most, smallest)
    rows = [example for pool in by_domain.values() for example in draw(pool, most, seed)]
    return draw(rows, len(rows), seed)


def composition(rows: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """Rows and share of each benchmark in a mixture."""
    counts = Counter(example.benchmark for example in rows)
    return {name: {"rows": n, "share": round(n / len(rows), 6)} for name, n in sorted(counts.items())}


def build(settings: Mapping[str, Any], folders: Sequence[Path], output: Path) -> None:
    """Write a mixture's train.parquet, validation.parquet and, last, manifest.json.

    Args:
        settings: `mixture`, `domains`, `balance`, `max_rows`, `data_seed`.
        folders: Prepared benchmarks, each named after its folder.
        output: Where to write.
    """
    files, facts = [], {}
    for split in ("train", "validation"):
        rows = mix(
            {folder.name: read_examples(folder / f"{split}.parquet") for folder in folders},
            settings["domains"],
            balance=settings["balance"],
            # The cap is meant for training rows; validation is as large as its sources allow.
            max_rows=settings["max_rows"] if split == "train" else None,
            seed=settings["data_seed"],
        )
        if not rows:
            name = settings["mixture"]
            remedy = f"raise mixtures.{name}.max_rows" if split == "train" else "raise splits.validation"
            raise UserError(f"mixture {name} has no {split} rows; {remedy}, or change mixtures.{name}.benchmarks")
        files.append(output / f"{split}.parquet")
        write_examples(files[-1], rows)
        facts[split] = composition(rows)
    write_manifest(output / "manifest.json", files, composition=facts)
