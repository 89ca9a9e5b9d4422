"""A mixture as a data set for others: conversations that `datasets` loads, and their card."""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCardData

from ..artifacts.manifests import digest, file_sha256, replacing, write_manifest, write_text
from ..data.example import Example
from ..errors import UserError
from ..prompts.messages import messages, sample_demonstrations
from ..reports.markdown import escape, markdown

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
SCHEMA = pa.schema([("messages", TURNS), *((name, pa.string()) for name in ("relation", "benchmark", "id"))])
FILE = "data/{split}_{shots}-00000-of-00001.parquet"  # a name that `datasets` takes for the split {split}_{shots}
SPLITS = ("train", "eval", "test")
BATCH = 4096  # rows in memory at once, and in a row group
Source = Mapping[str, Any]
Counts = Mapping[str, Mapping[str, int]]

BALANCES = {
    "natural": "uniformly from all rows of the sources",
    "domain": "in equal numbers from the general and the literary sources, uniformly inside each",
}
UNFREE = """\
> **Do not publish this folder.** It holds rows of {}, whose licence does not let others pass them on or is not known.
> They are here because `export.licensed` asked for them.

"""
SAMPLE = "> **The data of {} are not the benchmarks.** They are small sample corpora, written to try mixtune.\n\n"
LEFT_OUT = """\
Rows of these sources are not here: their licence does not let others pass them on, or is not known.

{table}
Whoever may copy them adds them, for themselves, with `export: {{licensed: [{names}]}}` in the config and
`snakemake export_mixtures`."""
CARD = """\
---
{metadata}
---

# {mixture}

{notices}Relation extraction as conversations: given a text and two entities in it, name the relation between them.
Made by mixtune. `train_K`, `eval_K` and `test_K` hold the same rows for every K ({shots}), with K demonstrations each.

- `messages`: turns, of `role` and `content`: system, demonstrations (user, assistant), question (user), label
  (assistant)
- `relation`: the label, as in the last turn
- `benchmark`: the source
- `id`: source, split and native id

## Composition

{composition}
## Licences

{licences}
The whole has no licence of its own. Each row is under that of its source (column `benchmark`), with what this asks for:
naming the source, the same licence for what is derived (SA), no commercial use (NC).

## Left out

{left_out}

## How it was made

- Training rows: at most {max_rows:,}, drawn {balance}.
- Validation rows: drawn likewise, without the cap. Test rows: all of every source.
- What is left out was left out after the draw.
- Demonstrations: from the train split of the row's source, never from the row's own sentence, pair, document or book,
  drawn by a hash of the seed and the row's id; fine-tuning on this mixture draws the same.
- Seed of every draw: {data_seed}. The system's turn is the generic one: it lists no labels.

## How to load it

```python
from datasets import load_dataset

rows = load_dataset("path/to/{mixture}", split="train_{first}")
prompt, answer = rows[0]["messages"][:-1], rows[0]["messages"][-1]
```

## Limitations

- Labels are those of the sources, errors included. In REBEL and PG-Fiction they were made by programs.
- Texts are whole. Fine-tuning shortens what is too long for its model.
- Where sources are left out, fewer rows than the cap remain, and domains that were balanced no longer are.
- This is not the data set that the authors of the paper below released.

## Citation

The mixtures and the task's form follow *Sub-Billion, Super-Frontier: Fine-Tuned Small Language Models Rival Zero-Shot
Frontier LLMs on General and Literary Relation Extraction*, [arXiv:2606.22606](https://arxiv.org/abs/2606.22606). Cite
it, and the sources.
"""


class Pool(Sequence[Example]):
    """The examples of a parquet file, each made when it is asked for: far smaller than a list of them."""

    def __init__(self, path: Path):
        self._path = path

    @cached_property
    def _table(self) -> pa.Table:
        return pq.read_table(self._path)

    def __len__(self) -> int:
        return self._table.num_rows

    def __getitem__(self, index: int) -> Example:
        return Example(**self._table.slice(index, 1).to_pylist()[0])


def conversation(example: Example, train: Sequence[Example], shots: int, seed: int) -> dict[str, Any]:
    """A row of SCHEMA: an example's generic prompt, demonstrations from `train`, and its label as the last turn."""
    shown = [
        (demo.text, demo.head, demo.tail, demo.relation) for demo in sample_demonstrations(example, train, shots, seed)
    ]
    turns = messages("generic", (), shown, (example.text, example.head, example.tail))
    turns.append({"role": "assistant", "content": example.relation})
    return {"messages": turns, "relation": example.relation, "benchmark": example.benchmark, "id": example.id}


def export(settings: Mapping[str, Any], mixture: Path, benchmarks: Sequence[Path], output: Path) -> None:
    """Write three parquet files for each number of shots, README.md and, last, manifest.json.

    Args:
        settings: `mixture`, `balance`, `max_rows`, `data_seed`, `shots`, and `sources`: of each benchmark of the
            mixture `name`, `title`, `origin`, `hub` (its id there, or ""), `licence`, `redistributable_as` (as in
            the registry) and `asked_for` (whether its rows are wanted whatever its licence).
        mixture: Folder of the mixture.
        benchmarks: Folders of its prepared benchmarks, in the order of the test rows.

    Raises:
        UserError: A split has no row that may be exported.
    """
    # Rows that an earlier run was asked for must not stay beside this one's.
    shutil.rmtree(output / "data", ignore_errors=True)
    sources = [resolved(source) for source in settings["sources"]]
    kept = {source["name"] for source in sources if source["kept"]}
    pools = {folder.name: Pool(folder / "train.parquet") for folder in benchmarks if folder.name in kept}
    tests = [folder / "test.parquet" for folder in benchmarks]
    inputs = ([mixture / "train.parquet"], [mixture / "validation.parquet"], tests)
    files, counts = [], {}
    for shots in settings["shots"]:
        for split, paths in zip(SPLITS, inputs, strict=True):
            files.append(output / FILE.format(split=split, shots=shots))
            counts[split] = _write(files[-1], paths, pools, shots, settings["data_seed"])
            if not counts[split].keys() & kept:
                raise UserError(
                    f"mixture {settings['mixture']} has no {split} row whose licence allows to export it (all are of "
                    f"{', '.join(sorted(counts[split]))}); name in export.licensed what you may copy"
                )
    contents = digest(*map(file_sha256, files))
    files.append(output / "README.md")
    write_text(files[-1], card(settings, sources, counts, contents))
    rows = {split: {name: n for name, n in of.items() if name in kept} for split, of in counts.items()}
    write_manifest(output / "manifest.json", files, rows=rows)


def resolved(source: Source) -> Source:
    """A source with the licence of its rows here, where they are `from`, and whether they are `kept`."""
    found = {**source, "from": source["hub"] or "local files"}
    if source["origin"] == "sample":  # written for this project, whatever it imitates
        found |= {"licence": "Apache-2.0", "redistributable_as": "apache-2.0", "from": "sample corpus of mixtune"}
    return {**found, "kept": bool(found["redistributable_as"]) or source["asked_for"]}


def _write(path: Path, inputs: Iterable[Path], pools: Mapping[str, Pool], shots: int, seed: int) -> Counter[str]:
    """Write the rows of the pools' benchmarks in batches; returns the rows of every benchmark, written or not."""
    counts: Counter[str] = Counter()
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for file in map(pq.ParquetFile, inputs):
            for batch in file.iter_batches(BATCH):
                examples = [Example(**row) for row in batch.to_pylist()]
                counts.update(example.benchmark for example in examples)
                rows = [conversation(e, pools[e.benchmark], shots, seed) for e in examples if e.benchmark in pools]
                if rows:
                    writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    return counts


def card(settings: Mapping[str, Any], sources: Sequence[Source], counts: Counts, contents: str) -> str:
    """The data-set card: Markdown that begins with metadata in YAML.

    Args:
        settings: As for `export`.
        sources: Its sources, resolved.
        counts: Rows of each benchmark in each split, those left out included.
        contents: Digest of the data files.
    """
    kept = [source for source in sources if source["kept"]]
    unfree = _notice(UNFREE, [source for source in kept if not source["redistributable_as"]])
    sample = _notice(SAMPLE, [source for source in kept if source["origin"] == "sample"])
    composition = _numbers(kept, counts)
    for split in SPLITS:
        composition[f"share of {split}"] = composition[split] / composition[split].iloc[-1]
    facts = {"title": "source", "name": "benchmark", "licence": "licence", "from": "from"}
    licences = pd.DataFrame(kept, columns=list(facts)).rename(columns=facts)
    names = [(split, shots) for shots in settings["shots"] for split in SPLITS]
    files = [{"split": f"{split}_{shots}", "path": FILE.format(split=split, shots=shots)} for split, shots in names]
    # `datasets` 5.2 caches a folder under its name and a hash of this block, wherever it lies and whatever the files
    # hold. Without the digest it would load the rows of an earlier export, or of another project's.
    config = {"config_name": "default", "description": f"files {contents}", "data_files": files}
    metadata = DatasetCardData(
        pretty_name=settings["mixture"],
        license=sorted({source["redistributable_as"] or "other" for source in kept}),
        tags=["relation-extraction"],
        configs=[config],
    )
    return CARD.format(
        metadata=metadata.to_yaml(),
        mixture=settings["mixture"],
        notices=unfree + sample,
        shots=", ".join(map(str, settings["shots"])),
        composition=markdown(composition),
        licences=markdown(licences),
        left_out=_left_out([source for source in sources if not source["kept"]], counts),
        max_rows=settings["max_rows"],
        balance=BALANCES[settings["balance"]],
        data_seed=settings["data_seed"],
        first=settings["shots"][0],
    )


def _numbers(sources: Sequence[Source], counts: Counts) -> pd.DataFrame:
    """Rows of each source by split, and of all together: columns `source` and SPLITS."""
    rows = [[counts[split].get(source["name"], 0) for split in SPLITS] for source in sources]
    frame = pd.DataFrame([*rows, [sum(column) for column in zip(*rows, strict=True)]], columns=SPLITS)
    frame.insert(0, "source", [*(source["title"] for source in sources), "all"])
    return frame


def _left_out(sources: Sequence[Source], counts: Counts) -> str:
    if not sources:
        return "Nothing."
    numbers = _numbers(sources, counts)
    numbers.insert(1, "licence", [*(source["licence"] for source in sources), ""])
    return LEFT_OUT.format(table=markdown(numbers), names=", ".join(source["name"] for source in sources))


def _notice(template: str, sources: Sequence[Source]) -> str:
    return template.format(", ".join(escape(source["title"]) for source in sources)) if sources else ""
