"""Model card of a fine-tuned adapter: usage, training data, hyperparameters, scores, licence."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from huggingface_hub import EvalResult, ModelCardData

from ..artifacts.hub_card import StatedLicence
from ..artifacts.manifests import read_json, write_text
from ..artifacts.run_cards import NAME
from ..data.formats import MixtureManifest, Share
from ..evaluation.formats import ScoreFile
from ..models.formats import ModelManifest
from ..prompts.chat_template import Renderer, folder_renderer
from ..prompts.messages import system
from ..reports.markdown import escape, markdown
from ..reports.tables.scores import scores as score_table
from ..systems import DEFAULT
from ..training.formats import FinetuneCard
from ..training.settings import FinetuneSettings
from .citation import Citation, bibtex
from .licences import Licence, resolve_licence
from .settings import CardSettings, EvaluatedBenchmark
from .snippet import snippet
from .terms import Source, resolve_terms

MEASURES = {
    "n": "rows", "precision": "precision", "recall": "recall", "micro_f1": "micro-F1", "macro_f1": "macro-F1",
    "out_of_schema": "outside the label list", "empty": "empty",
}  # fmt: skip
NEGATIVES = {"benchmark": "the benchmark's own label", "paper": "the paper's wider set of labels"}

LLAMA = "**Built with Llama**"
UNKNOWN = "> **The licence of the base model is unknown.** Check it before you redistribute this adapter."
CONFLICT = "> **Statements of the base model's licence differ**: {} is used here; {}."
SAMPLE = "> **Scores on {} are not benchmark results.** Their data are small sample corpora for trying out mixtune."
CARD = """\
---
{metadata}
---

# {name}

{notices}A LoRA adapter for {base} that extracts relations: given a text and two entities in it, it predicts
the relation between them. It was fine-tuned by mixtune on the mixture {mixture}, with {shots} demonstrations per
prompt.

## Usage

```python
{snippet}
```

This is the prompt format of fine-tuning ({condition}, {shots} demonstrations). Choose your own demonstrations and
labels. Under the condition `schema` the system prompt lists the labels to choose from, one per line:

```text
{schema}
```

## Training

QLoRA: the base model in NF4 with double quantisation; the loss covers the label and the end of turn only.

{training}
### Data

{data}
## Evaluation

Test rows: {test_rows}. Micro-F1 is over the positive labels: "no relation" ({negatives}) has no F1 of its own, and
every other answer is a positive prediction, whether or not it is in the label list. `generic` lists no labels in the
prompt, `schema` does, `constrained` allows no other answer.

{evaluation}
## Limitations

{limitations}
## Licence

{licence}

## Citation

```bibtex
{citation}
```
"""


@dataclass(frozen=True)
class Results:
    """Results of one cell, as far as its card reports them.

    Attributes:
        base: Name of the base model.
        licence: Licence of the base model.
        conflicts: Other licences of it, each after the source that states it.
        run: Run card of the adapter.
        rows: Training rows of each benchmark.
        stated: Licences that the cards of benchmarks on the hub state.
        scores: Score file of the system.
        citation: Contents of CITATION.cff.
    """

    base: str
    licence: Licence
    conflicts: Sequence[str]
    run: FinetuneCard
    rows: Mapping[str, Share]
    stated: Mapping[str, StatedLicence]
    scores: ScoreFile
    citation: Citation


def card(
    settings: CardSettings,
    adapter: Path,
    model: Path,
    mixture: Path,
    scores: Path,
    citation: Path,
    output: Path,
) -> None:
    """Write an adapter's README.md and, in the same folder, the NOTICE that its base model's licence requires.

    Args:
        settings: Of the card.
        adapter, model, mixture: Manifests.
        scores: The system's scores.
        citation: CITATION.cff.
        output: README.md.
    """
    base = read_json(model, ModelManifest)
    licence, conflicts = resolve_licence(base["name"], settings.licence, base["licence"])
    if conflicts:
        print(f"warning: licence of {base['name']}: {licence.label} is used; {'; '.join(conflicts)}", file=sys.stderr)
    mixed = read_json(mixture, MixtureManifest)
    results = Results(
        base=base["name"],
        licence=licence,
        conflicts=conflicts,
        run=read_json(adapter.with_name(NAME), FinetuneCard),
        rows=mixed["composition"]["train"],
        stated=mixed["licences"],
        scores=read_json(scores, ScoreFile),
        citation=yaml.safe_load(citation.read_text(encoding="utf-8")),
    )
    write_text(output, format_card(settings, results, folder_renderer(base["folder"])))
    write_text(output.with_name("NOTICE"), f"{licence.notice or licence.terms(base['name'])}\n")


def format_card(settings: CardSettings, results: Results, renderer: Renderer) -> str:
    """Return the card: Markdown that begins with metadata in YAML.

    Args:
        settings: Of the card.
        results: Of the cell.
        renderer: Of the base model.
    """
    licence, base = results.licence, results.base
    sources = [resolve_terms(source, results.stated.get(source.name)) for source in settings.sources]
    scores = _scores(settings.benchmarks, results.scores)
    sample = [benchmark.title for benchmark in settings.benchmarks if benchmark.sample]
    name = adapter_name(settings, licence)
    conflict = CONFLICT.format(escape(licence.label), escape("; ".join(results.conflicts)))
    notices = {
        LLAMA: licence.llama,
        UNKNOWN: licence.unknown,
        conflict: results.conflicts,
        SAMPLE.format(_list(sample)): sample,
    }
    test_rows = settings.test_rows
    return CARD.format(
        metadata=_metadata(name, sources, results, scores).to_yaml(),
        name=name,
        notices="".join(f"{notice}\n\n" for notice, needed in notices.items() if needed),
        base=f"[{escape(base)}](https://huggingface.co/{base})" if "/" in base else escape(base),
        mixture=settings.mixture,
        shots=settings.shots,
        snippet=snippet(settings, results.run, name, renderer),
        condition=settings.condition,
        schema=system("schema", ["first label", "second label", "…"]),
        training=_training(settings, results.run),
        data=_data(sources, results.rows),
        test_rows=f"a sample of at most {test_rows:,} per benchmark" if test_rows else "all",
        negatives=NEGATIVES[results.scores["negatives"]],
        evaluation=markdown(scores.drop(columns="dataset").rename(columns=MEASURES)),
        limitations=_limitations(settings, sample),
        licence=escape(f"{licence.terms(base)} {licence.notice}"),
        citation=bibtex(results.citation),
    )


def adapter_name(settings: CardSettings, licence: Licence) -> str:
    """Return an adapter's name, in the pattern of the released ones; a Llama licence requires the prefix "Llama"."""
    variant = "" if settings.variant == DEFAULT else f"-{settings.variant}"
    name = f"{settings.model}-re_{settings.mixture}-{settings.shots}-shot{variant}"
    return f"Llama-{name}" if licence.llama and not name.startswith("Llama") else name


def _scores(benchmarks: Sequence[EvaluatedBenchmark], scores: ScoreFile) -> pd.DataFrame:
    """Return one row per condition and benchmark: `benchmark` (title), `condition`, MEASURES, `dataset`."""
    evaluated = pd.DataFrame([benchmark.model_dump() for benchmark in benchmarks]).rename(columns={"name": "benchmark"})
    frame = evaluated.merge(score_table([scores]), on="benchmark", validate="one_to_many")
    titles = zip(frame["title"], frame["sample"], strict=True)
    frame["benchmark"] = [f"{title} (sample corpus)" if is_sample else title for title, is_sample in titles]
    return frame.loc[:, ["benchmark", "condition", *MEASURES, "dataset"]]


def _metadata(name: str, sources: Sequence[Source], results: Results, scores: pd.DataFrame) -> ModelCardData:
    licence, languages = results.licence, {source.language for source in sources}
    evaluation = [
        EvalResult(
            task_type="text-generation",
            task_name="Relation extraction",
            dataset_type=row["dataset"],
            dataset_name=row["benchmark"],
            dataset_split="test",
            dataset_args={"rows": row["n"]},
            metric_type="f1",
            metric_name=f"micro-F1 of the positive labels, condition {row['condition']}",
            metric_value=round(row["micro_f1"], 4),
        )
        for row in scores.to_dict("records")
    ]
    return ModelCardData(
        license=licence.id,
        license_name=licence.name or None,
        license_link=licence.link or None,
        base_model=results.base,
        base_model_relation="adapter",
        library_name="peft",
        pipeline_tag="text-generation",
        language=sorted(languages) if all(languages) else None,
        tags=["relation-extraction", "lora", "mixtune"],
        datasets=[source.hub for source in sources if source.hub] or None,
        model_name=name,
        eval_results=evaluation,
    )


def _training(settings: CardSettings, run: FinetuneCard) -> str:
    tuning = FinetuneSettings.model_validate(run["settings"])
    lora = tuning.lora
    memory = run["peak_gpu_bytes"]
    rows = {
        "base model": f"{run['base_model']} at {run['base_model_commit'] or 'no commit (local files)'}",
        "prompt": f"condition {settings.condition}, {settings.shots} demonstrations",
        "tokens per sequence": f"at most {settings.max_length:,}",
        "LoRA": f"rank {lora.r}, alpha {lora.alpha}, dropout {lora.dropout:g}, on "
        + ("all linear layers but the head" if isinstance(lora.targets, str) else ", ".join(lora.targets)),
        "trainable parameters": f"{run['trainable_parameters']:,}",
        "epochs, steps, rows": f"{tuning.epochs:g}, {run['steps']:,}, {run['examples']:,}",
        "rows per step": tuning.batch_size,
        "learning rate": f"{tuning.learning_rate:g}, linear decay after {tuning.warmup:.0%} warm-up",
        "weight decay": f"{tuning.weight_decay:g}",
        "seed": tuning.seed,
        "training loss, validation loss": ", ".join(
            "none" if loss is None else f"{loss:.4f}" for loss in (run["train_loss"], run["validation_loss"])
        ),
        "device": f"{run['device']}, {run['dtype'].removeprefix('torch.')}, {run['seconds']:,.0f} seconds"
        + (f", {memory / 2**30:.1f} GiB at most" if memory else ""),
        "versions": ", ".join(f"{package} {version}" for package, version in run["versions"].items()),
    }
    return markdown(pd.DataFrame(list(rows.items()), columns=["setting", "value"]))


def _data(sources: Sequence[Source], rows: Mapping[str, Share]) -> str:
    counts = {name: composition["rows"] for name, composition in rows.items()}
    lines = [[source.title, source.licence, source.location, counts.get(source.name, 0)] for source in sources]
    return markdown(pd.DataFrame(lines, columns=["benchmark", "licence", "origin", "training rows"]))


def _limitations(settings: CardSettings, sample: Sequence[str]) -> str:
    lines = [
        "The adapter was not fine-tuned for texts or labels unlike those of its training data.",
        "Labels of its training data are those of the sources, errors included.",
        "It was fine-tuned on its base model in NF4. In another precision, or merged, its answers differ.",
        "Licences of its training data may restrict your use of the adapter: read the licences above.",
    ]
    if sample:
        lines.append(f"Scores on {_list(sample)} are not benchmark results: their data are small sample corpora.")
    if settings.test_rows:
        lines.append("Scores on a sample of the test rows are not comparable with scores on all of them.")
    return "".join(f"- {line}\n" for line in lines)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(escape, names))
