"""Training mixtures: rows of several benchmarks, capped, balanced, and sampled by a seed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..artifacts.manifests import read_json, write_manifest
from ..errors import UserError
from .example import Example
from .files import read_examples, write_examples
from .formats import BenchmarkManifest, Share
from .sampling import sample_examples
from .settings import BuildMixtureSettings


def mix_examples(
    sources: Mapping[str, Sequence[Example]],
    domains: Mapping[str, str],
    *,
    balance: str,
    max_rows: int | None,
    seed: int,
) -> list[Example]:
    """Return the rows of one split of a mixture, shuffled.

    Args:
        sources: The split's examples, by benchmark.
        domains: Domain of each benchmark.
        balance: "natural" samples uniformly from all rows; "domain" takes equal numbers from each domain
            (limited by the smaller one and by the cap), with natural shares inside.
        max_rows: Cap on all rows together; None: no cap.
        seed: Seed of the sample and of the order.
    """
    by_domain: dict[str, list[Example]] = {}
    for benchmark, examples in sources.items():
        domain = domains[benchmark] if balance == "domain" else ""
        by_domain.setdefault(domain, []).extend(examples)
    cap = max_rows and max_rows // len(by_domain)
    if balance == "domain":
        smallest = min(map(len, by_domain.values()))
        cap = smallest if cap is None else min(cap, smallest)
    rows = [example for pool in by_domain.values() for example in sample_examples(pool, cap, seed)]
    return sample_examples(rows, len(rows), seed)


def count_shares(rows: Sequence[Example]) -> dict[str, Share]:
    """Return the rows and the share of each benchmark in a mixture."""
    counts = Counter(example.benchmark for example in rows)
    return {name: {"rows": n, "share": round(n / len(rows), 6)} for name, n in sorted(counts.items())}


def build_mixture(settings: BuildMixtureSettings, benchmarks: Sequence[Path], manifest: Path) -> None:
    """Write a mixture's train.parquet, validation.parquet and, last, its manifest.

    Args:
        benchmarks: Manifests of prepared benchmarks, each in a folder of the benchmark's name.

    Raises:
        UserError: A split has no rows.
    """
    folders = [path.parent for path in benchmarks]
    files, composition = [], {}
    for split in ("train", "validation"):
        rows = mix_examples(
            {folder.name: read_examples(folder / f"{split}.parquet") for folder in folders},
            settings.domains,
            balance=settings.balance,
            # The cap applies to training rows; validation has as many as its sources allow.
            max_rows=settings.max_rows if split == "train" else None,
            seed=settings.data_seed,
        )
        if not rows:
            key = f"mixtures.{settings.mixture}"
            remedy = f"raise {key}.max_rows" if split == "train" else "raise splits.validation"
            raise UserError(f"{key}: no {split} rows; {remedy}, or change {key}.benchmarks")
        files.append(manifest.with_name(f"{split}.parquet"))
        write_examples(files[-1], rows)
        composition[split] = count_shares(rows)
    stated = {path.parent.name: read_json(path, BenchmarkManifest).get("licence") for path in benchmarks}
    licences = {name: licence for name, licence in sorted(stated.items()) if licence}
    write_manifest(manifest, files, composition=composition, licences=licences)
