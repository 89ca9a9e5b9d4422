"""Export of a mixture as a data set: conversations that `datasets` loads, and a data-set card."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts.manifests import digest, file_sha256, read_json, replacing, write_manifest, write_text
from ..data.example import Example
from ..data.formats import MixtureManifest
from ..errors import UserError
from ..prompts.messages import messages, sample_demonstrations
from .dataset_card import FILE, SPLITS, dataset_card
from .settings import ExportMixtureSettings
from .terms import resolve_terms

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SCHEMA = pa.schema([("messages", TURNS), *((name, pa.string()) for name in ("relation", "benchmark", "id"))])
BATCH = 4096  # rows in memory at once, and per row group


class Conversation(TypedDict):
    """A row of SCHEMA."""

    messages: list[dict[str, str]]
    relation: str
    benchmark: str
    id: str


class Pool(Sequence[Example]):
    """Examples of a parquet file, constructed on access: needs far less memory than a list of examples."""

    def __init__(self, path: Path):
        self._path = path

    @cached_property
    def _table(self) -> pa.Table:
        return pq.read_table(self._path)

    def __len__(self) -> int:
        return self._table.num_rows

    def __getitem__(self, index: int) -> Example:  # pyright: ignore[reportIncompatibleMethodOverride] -- no slices
        return Example(**self._table.slice(index, 1).to_pylist()[0])


def conversation(example: Example, train: Sequence[Example], shots: int, seed: int) -> Conversation:
    """Return an example's generic prompt, with demonstrations from `train`, followed by its label as the last turn.

    >>> example = Example(
    ...     "toy/test/1", "toy", "test", "Ann met Bo.", "Ann", "Bo", 0, 3, 8, 10, "", "", "met", "1"
    ... )
    >>> [turn["role"] for turn in conversation(example, [], 0, 42)["messages"]]
    ['system', 'user', 'assistant']
    """
    sample = sample_demonstrations(example, train, shots, seed)
    shown = [
        (demonstration.text, demonstration.head, demonstration.tail, demonstration.relation) for demonstration in sample
    ]
    turns = messages("generic", (), shown, (example.text, example.head, example.tail))
    turns.append({"role": "assistant", "content": example.relation})
    return {"messages": turns, "relation": example.relation, "benchmark": example.benchmark, "id": example.id}


def export_mixture(settings: ExportMixtureSettings, mixture: Path, benchmarks: Sequence[Path], manifest: Path) -> None:
    """Write three parquet files for each number of shots, README.md and, last, the manifest.

    Args:
        settings: Of the export.
        mixture: Manifest of the mixture.
        benchmarks: Manifests of its prepared benchmarks, in the order of the test rows.
        manifest: Manifest of the export, in the export's folder.

    Raises:
        UserError: No row of a split may be exported.
    """
    output, folders = manifest.parent, [path.parent for path in benchmarks]
    # Rows that only an earlier export was allowed to include must not remain.
    shutil.rmtree(output / "data", ignore_errors=True)
    stated = read_json(mixture, MixtureManifest)["licences"]
    sources = [resolve_terms(source, stated.get(source.name)) for source in settings.sources]
    exported = {source.name for source in sources if source.is_exported}
    pools = {folder.name: Pool(folder / "train.parquet") for folder in folders if folder.name in exported}
    tests = [folder / "test.parquet" for folder in folders]
    inputs = ([mixture.with_name("train.parquet")], [mixture.with_name("validation.parquet")], tests)
    files: list[Path] = []
    counts: dict[str, Counter[str]] = {}
    for shots in settings.shots:
        for split, paths in zip(SPLITS, inputs, strict=True):
            files.append(output / FILE.format(split=split, shots=shots))
            counts[split] = _write_split(files[-1], paths, pools, shots, settings.data_seed)
            if not counts[split].keys() & exported:
                raise UserError(
                    f"mixture {settings.mixture} has no {split} row whose licence permits redistribution (all are of "
                    f"{', '.join(sorted(counts[split]))}); list in export.licensed the benchmarks that you may copy"
                )
    contents = digest(*map(file_sha256, files))
    files.append(output / "README.md")
    write_text(files[-1], dataset_card(settings, sources, counts, contents))
    rows = {
        split: {name: number for name, number in by_benchmark.items() if name in exported}
        for split, by_benchmark in counts.items()
    }
    write_manifest(manifest, files, rows=rows)


def _write_split(path: Path, inputs: Iterable[Path], pools: Mapping[str, Pool], shots: int, seed: int) -> Counter[str]:
    """Write the rows of the pools' benchmarks in batches; return the rows of every benchmark, written or not.

    Raises:
        UserError: The file, read again, does not have these rows.
    """
    counts: Counter[str] = Counter()
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
            for file in map(pq.ParquetFile, inputs):
                for batch in file.iter_batches(BATCH):
                    examples = [Example(**row) for row in batch.to_pylist()]
                    counts.update(example.benchmark for example in examples)
                    rows = [conversation(e, pools[e.benchmark], shots, seed) for e in examples if e.benchmark in pools]
                    if rows:
                        writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
        written = Counter(pq.read_table(temporary, columns=["benchmark"])["benchmark"].to_pylist())
        if written != Counter({name: count for name, count in counts.items() if name in pools}):
            raise UserError(f"{path} has other rows than were written ({written}); check the disk, and run again")
    return counts
