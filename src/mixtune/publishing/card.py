"""The card of a tuned adapter: what it is, how to ask it, what it was trained on, what was measured of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from huggingface_hub import EvalResult, ModelCardData

from ..artifacts.manifests import read_json, write_text
from ..models.adapter_folder import run_card
from ..prompts.chat_template import Renderer, folder_renderer
from ..prompts.messages import system
from ..reports.markdown import escape, markdown
from ..reports.tables.scores import scores as score_table
from .citation import bibtex
from .export_mixture import resolved
from .licences import Licence, licence_of
from .snippet import snippet

MEASURES = {
    "n": "rows", "precision": "precision", "recall": "recall", "micro_f1": "micro-F1", "macro_f1": "macro-F1",
    "out_of_schema": "outside the labels", "empty": "empty",
}  # fmt: skip
NEGATIVES = {"benchmark": "the benchmark's own word", "paper": "the paper's wider set of words"}

LLAMA = "**Built with Llama**"
UNKNOWN = "> **The licence of the base model is not known to mixtune.** Read it before you pass this adapter on."
SAMPLE = "> **Scores on {} are not benchmark results.** Their data are small sample corpora, written to try mixtune."
CARD = """\
---
{metadata}
---

# {name}

{notices}A LoRA adapter for {base} that extracts relations: asked with a text and two entities in it, it
answers with the relation between them. It was tuned by mixtune on the mixture {mixture}, with {shots} demonstrations in
each prompt.

## How to use it

```python
{snippet}
```

This is the prompt that it was tuned with ({condition}, {shots} demonstrations). Demonstrations and labels are yours to
choose. Under the condition `schema` the system turn lists the labels to choose from, one a line:

```text
{schema}
```

## Training

QLoRA: the base in NF4 with double quantisation, the loss on label and end of turn alone.

{training}
### Data

{data}
## Evaluation

Test rows: {test_rows}. Micro-F1 is over the positive labels: "no relation" ({negatives}) has no F1 of its own, and
every other answer is a positive prediction, in the list of labels or not. `generic` lists no labels in the prompt,
`schema` does, `constrained` lets nothing else be answered.

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


def write_card(
    settings: Mapping[str, Any],
    adapter: Path,
    model: Path,
    mixture: Path,
    scores: Path,
    citation: Path,
    output: Path,
) -> None:
    """Write an adapter's README.md and, beside it, the NOTICE that goes with its base model's licence.

    Args:
        settings: `model`, `mixture`, `shots`; `namespace` on the hub, or None; `condition` and `max_length` of the
            training prompts; `max_new_tokens`; `test_rows`, the cap, or None; `sources` of the mixture, as
            `exporting.export` takes them; `benchmarks`: of each evaluated one `name`, `title`, `dataset` (what the
            metadata calls its data) and `sample` (whether that is the shipped sample corpus).
        adapter, model, mixture: Manifests.
        scores: The system's scores.
        citation: CITATION.cff.
        output: README.md.
    """
    base = read_json(model)
    licence = licence_of(base["name"], Path(base["folder"]))
    facts = {
        "base": base["name"],
        "licence": licence,
        "run": run_card(adapter.parent),
        "rows": read_json(mixture)["composition"]["train"],
        "scores": read_json(scores),
        "citation": yaml.safe_load(citation.read_text(encoding="utf-8")),
    }
    write_text(output, card(settings, facts, folder_renderer(base["folder"])))
    write_text(output.with_name("NOTICE"), f"{licence.notice or licence.terms(base['name'])}\n")


def card(settings: Mapping[str, Any], facts: Mapping[str, Any], renderer: Renderer) -> str:
    """The card: Markdown that begins with metadata in YAML.

    Args:
        settings: As for `write_card`.
        facts: `base` (the base model's name), its `licence`, the `run` card, training `rows` by benchmark, `scores`,
            `citation`.
        renderer: Of the base model.
    """
    licence, base = facts["licence"], facts["base"]
    sources = [resolved(source) for source in settings["sources"]]
    measured = _measured(settings["benchmarks"], facts["scores"])
    sample = [benchmark["title"] for benchmark in settings["benchmarks"] if benchmark["sample"]]
    name = adapter_name(settings, licence)
    notices = {LLAMA: licence.llama, UNKNOWN: licence.unknown, SAMPLE.format(_list(sample)): sample}
    return CARD.format(
        metadata=_metadata(name, settings, facts, measured).to_yaml(),
        name=name,
        notices="".join(f"{notice}\n\n" for notice, needed in notices.items() if needed),
        base=f"[{escape(base)}](https://huggingface.co/{base})" if "/" in base else escape(base),
        mixture=settings["mixture"],
        shots=settings["shots"],
        snippet=snippet(settings, facts["run"], name, renderer),
        condition=settings["condition"],
        schema=system("schema", ["first label", "second label", "…"]),
        training=_training(settings, facts["run"]),
        data=_data(sources, facts["rows"]),
        test_rows=f"at most {settings['test_rows']:,} of each benchmark, drawn" if settings["test_rows"] else "all",
        negatives=NEGATIVES[facts["scores"]["negatives"]],
        evaluation=markdown(measured.drop(columns="dataset").rename(columns=MEASURES)),
        limitations=_limitations(settings, sample),
        licence=escape(f"{licence.terms(base)} {licence.notice}"),
        citation=bibtex(facts["citation"]),
    )


def adapter_name(settings: Mapping[str, Any], licence: Licence) -> str:
    """What the adapter is called, as the released ones are; a Llama licence wants a name that begins so."""
    name = "{model}-re_{mixture}-{shots}-shot".format_map(settings)
    return f"Llama-{name}" if licence.llama and not name.startswith("Llama") else name


def _measured(benchmarks: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> pd.DataFrame:
    """One row a condition and evaluated benchmark: `benchmark` (title), `condition`, MEASURES, `dataset`."""
    known = pd.DataFrame(benchmarks).rename(columns={"name": "benchmark"})
    frame = known.merge(score_table([scores]), on="benchmark", validate="one_to_many")
    frame["benchmark"] = frame["title"] + frame["sample"].map({True: " (sample corpus)", False: ""})
    return frame[["benchmark", "condition", *MEASURES, "dataset"]]


def _metadata(name: str, settings, facts, measured: pd.DataFrame) -> ModelCardData:
    licence = facts["licence"]
    results = [
        EvalResult(
            task_type="text-generation",
            task_name="Relation extraction",
            dataset_type=row.dataset,
            dataset_name=row.benchmark,
            dataset_split="test",
            dataset_args={"rows": row.n},
            metric_type="f1",
            metric_name=f"micro-F1 of the positive labels, condition {row.condition}",
            metric_value=round(row.micro_f1, 4),
        )
        for row in measured.itertuples()
    ]
    return ModelCardData(
        license=licence.id,
        license_name=licence.name or None,
        license_link=licence.link or None,
        base_model=facts["base"],
        base_model_relation="adapter",
        library_name="peft",
        pipeline_tag="text-generation",
        language="en",
        tags=["relation-extraction", "lora", "mixtune"],
        datasets=[source["hub"] for source in settings["sources"] if source["hub"]] or None,
        model_name=name,
        eval_results=results,
    )


def _training(settings: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    chosen, lora = run["settings"], run["settings"]["lora"]
    memory = run["peak_gpu_bytes"]
    rows = {
        "base model": f"{run['base_model']} at {run['base_model_commit'] or 'no commit (local files)'}",
        "prompt": f"condition {settings['condition']}, {settings['shots']} demonstrations",
        "tokens of a sequence": f"at most {settings['max_length']:,}",
        "LoRA": f"rank {lora['r']}, alpha {lora['alpha']}, dropout {lora['dropout']:g}, on "
        + ", ".join(lora["targets"]),
        "trainable parameters": f"{run['trainable_parameters']:,}",
        "epochs, steps, rows": f"{chosen['epochs']:g}, {run['steps']:,}, {run['examples']:,}",
        "rows a step": chosen["batch_size"],
        "learning rate": f"{chosen['learning_rate']:g}, linear decay after {chosen['warmup']:.0%} warm-up",
        "weight decay": f"{chosen['weight_decay']:g}",
        "seed": chosen["seed"],
        "training loss, validation loss": ", ".join(
            "none" if loss is None else f"{loss:.4f}" for loss in (run["train_loss"], run["validation_loss"])
        ),
        "device": f"{run['device']}, {run['dtype'].removeprefix('torch.')}, {run['seconds']:,.0f} seconds"
        + (f", {memory / 2**30:.1f} GiB at most" if memory else ""),
        "versions": ", ".join(f"{package} {version}" for package, version in run["versions"].items()),
    }
    return markdown(pd.DataFrame(rows.items(), columns=["what", "value"]))


def _data(sources: Sequence[Mapping[str, Any]], rows: Mapping[str, Mapping[str, int]]) -> str:
    shown = {"title": "benchmark", "licence": "licence", "from": "from", "rows": "training rows"}
    counted = [{**source, "rows": rows.get(source["name"], {"rows": 0})["rows"]} for source in sources]
    return markdown(pd.DataFrame(counted, columns=list(shown)).rename(columns=shown))


def _limitations(settings: Mapping[str, Any], sample: Sequence[str]) -> str:
    lines = [
        "Texts or labels unlike those of its training data are a task that it was not tuned for.",
        "Labels of its training data are those of the sources, errors included.",
        "It was tuned on its base model in NF4. In another precision, or merged, it answers otherwise.",
        "Some of its training data may be under terms that bind what you do with it: read the licences above.",
    ]
    if sample:
        lines.append(f"Scores on {_list(sample)} are not benchmark results: their data are small sample corpora.")
    if settings["test_rows"]:
        lines.append("Scores on a draw of the test rows do not compare with those on all of them.")
    return "".join(f"- {line}\n" for line in lines)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(escape, names))
