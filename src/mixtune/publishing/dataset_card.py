"""Data-set card of an exported mixture."""

from collections.abc import Sequence

import pandas as pd
from huggingface_hub import DatasetCardData

from ..reports.markdown import escape, markdown
from .settings import ExportMixtureSettings
from .terms import Counts, Source

FILE = "data/{split}_{shots}-00000-of-00001.parquet"  # a name that `datasets` maps to the split {split}_{shots}
SPLITS = ("train", "eval", "test")

BALANCES = {
    "natural": "uniformly from all rows of the sources",
    "domain": "in equal numbers from the general and the literary sources, uniformly within each domain",
}
UNFREE = """\
> **Do not publish this folder.** It holds rows of {}, whose licence does not permit redistribution or is unknown.
> `export.licensed` lists these benchmarks, so their rows are included.

"""
SAMPLE = "> **The data of {} are not the benchmarks.** They are small sample corpora for trying out mixtune.\n\n"
EXCLUDED = """\
Rows of these sources are excluded: their licence does not permit redistribution or is unknown.

{table}
Users who are allowed to copy these rows can include them with `export: {{licensed: [{names}]}}` in the config and
`snakemake export_mixtures`."""
CARD = """\
---
{metadata}
---

# {mixture}

{notices}Relation extraction as conversations: given a text and two entities in it, predict the relation between them.
Built with mixtune. `train_K`, `eval_K` and `test_K` contain the same rows for every K ({shots}), with K demonstrations
per row.

- `messages`: turns with `role` and `content`: system prompt, demonstrations (user, assistant), query (user), label
  (assistant)
- `relation`: the label, as in the last turn
- `benchmark`: the source
- `id`: source, split and native id

## Composition

{composition}
## Licences

{licences}
The data set as a whole has no licence of its own. Each row is under the licence of its source (column `benchmark`),
with its conditions: attribution, share-alike for derivatives (SA), no commercial use (NC).

## Excluded rows

{excluded}

## Data set creation

- Training rows: at most {max_rows:,}, sampled {balance}.
- Validation rows: sampled in the same way, without the maximum. Test rows: all rows of every source.
- Excluded rows were removed after sampling.
- Demonstrations: sampled from the train split of the row's source, never from the row's own sentence, pair, document
  or book, by a hash of the seed and the row's id; fine-tuning on this mixture uses the same demonstrations.
- Seed of all sampling: {data_seed}. The system prompt is the generic one: it lists no labels.

## Usage

```python
from datasets import load_dataset

rows = load_dataset("path/to/{mixture}", split="train_{first}")
prompt, answer = rows[0]["messages"][:-1], rows[0]["messages"][-1]
```

## Limitations

- Labels are those of the sources, errors included. REBEL and PG-Fiction were labelled automatically.
- Texts are complete. Fine-tuning truncates texts that exceed the maximum length.
- Where sources are excluded, fewer rows than the maximum remain, and balanced domains are no longer balanced.
- This is not the data set that the authors of the paper below released.

## Citation

The mixtures and the task format follow *Sub-Billion, Super-Frontier: Fine-Tuned Small Language Models Rival Zero-Shot
Frontier LLMs on General and Literary Relation Extraction*, [arXiv:2606.22606](https://arxiv.org/abs/2606.22606). Cite
the paper and the sources.
"""


def dataset_card(settings: ExportMixtureSettings, sources: Sequence[Source], counts: Counts, contents: str) -> str:
    """Return the data-set card: Markdown that begins with metadata in YAML.

    Args:
        settings: Of the export.
        sources: Sources of the mixture.
        counts: Rows of each benchmark in each split, excluded ones included.
        contents: Digest of the data files.
    """
    exported = [source for source in sources if source.is_exported]
    unfree = _notice(UNFREE, [source for source in exported if not source.redistributable_as])
    sample = _notice(SAMPLE, [source for source in exported if source.is_sample])
    composition = _count_rows(exported, counts)
    for split in SPLITS:
        composition[f"share of {split}"] = composition[split] / composition[split].iloc[-1]
    licences = pd.DataFrame(
        [[source.title, source.name, source.licence, source.location] for source in exported],
        columns=["source", "benchmark", "licence", "origin"],
    )
    return CARD.format(
        metadata=_metadata(settings, exported, contents),
        mixture=settings.mixture,
        notices=unfree + sample,
        shots=", ".join(map(str, settings.shots)),
        composition=markdown(composition),
        licences=markdown(licences),
        excluded=_excluded_rows([source for source in sources if not source.is_exported], counts),
        max_rows=settings.max_rows,
        balance=BALANCES[settings.balance],
        data_seed=settings.data_seed,
        first=settings.shots[0],
    )


def _metadata(settings: ExportMixtureSettings, exported: Sequence[Source], contents: str) -> str:
    names = [(split, shots) for shots in settings.shots for split in SPLITS]
    files = [{"split": f"{split}_{shots}", "path": FILE.format(split=split, shots=shots)} for split, shots in names]
    # `datasets` 5.2 caches a folder under its name and a hash of this block, regardless of its path and its files.
    # Without the digest it would load the rows of an earlier export, or of another project's export.
    config = {"config_name": "default", "description": f"files {contents}", "data_files": files}
    return DatasetCardData(
        pretty_name=settings.mixture,
        license=sorted({source.redistributable_as or "other" for source in exported}),
        tags=["relation-extraction"],
        configs=[config],
    ).to_yaml()


def _count_rows(sources: Sequence[Source], counts: Counts) -> pd.DataFrame:
    """Return the rows of each source and of all sources: columns `source` and SPLITS."""
    rows = [[counts[split].get(source.name, 0) for split in SPLITS] for source in sources]
    frame = pd.DataFrame([*rows, [sum(column) for column in zip(*rows, strict=True)]], columns=list(SPLITS))
    frame.insert(0, "source", [*(source.title for source in sources), "all"])
    return frame


def _excluded_rows(sources: Sequence[Source], counts: Counts) -> str:
    if not sources:
        return "None."
    numbers = _count_rows(sources, counts)
    numbers.insert(1, "licence", [*(source.licence for source in sources), ""])
    return EXCLUDED.format(table=markdown(numbers), names=", ".join(source.name for source in sources))


def _notice(template: str, sources: Sequence[Source]) -> str:
    return template.format(", ".join(escape(source.title) for source in sources)) if sources else ""
