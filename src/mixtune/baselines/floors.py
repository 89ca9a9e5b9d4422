"""What stands beside every score without a model: floors, which no reading of the text gives, and a ceiling."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..artifacts.manifests import read_json, write_manifest
from ..data.audit import count_labels_by_input
from ..data.example import Example
from ..data.files import read_examples
from ..data.sampling import sample_examples, sampling_key
from ..inference.predictions import write_predictions


def answers(name: str, train: Sequence[Example], test: Sequence[Example], negative: str | None, seed: int) -> list[str]:
    """The answers of a floor or ceiling to the test examples, in their order.

    Args:
        name: majority, majority-positive, type-pair or random, which know train alone; or duplicates, which
            knows the gold labels, but must answer equal inputs (text, head, tail) equally.
        negative: The negative label, or None.
        seed: Seed of random, which draws for each example by its id.
    """
    if name == "duplicates":
        best = best_answers(test, negative)
        return [best[example.text, example.head, example.tail] for example in test]
    shares = Counter(example.relation for example in train)
    if name == "majority-positive":
        positive = {label: n for label, n in shares.items() if not _equal(label, negative)}
        return [_most(positive or shares)] * len(test)
    if name == "type-pair":
        pairs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for example in train:
            pairs[example.head_type, example.tail_type][example.relation] += 1
        return [_most(pairs.get((example.head_type, example.tail_type), shares)) for example in test]
    if name == "random":
        labels = sorted(shares)
        weights = [shares[label] for label in labels]
        dice = (random.Random(sampling_key(seed, f"random/{example.id}")) for example in test)  # noqa: S311  (no secret)
        return [die.choices(labels, weights)[0] for die in dice]
    return [_most(shares)] * len(test)


def _most(counts: Mapping[str, int]) -> str:
    """The most frequent label; of several the first by name."""
    return min(counts, key=lambda label: (-counts[label], label))


def _equal(label: str, negative: str | None) -> bool:
    return negative is not None and label.casefold() == negative.casefold()


def best_answers(examples: Sequence[Example], negative: str | None) -> dict[tuple[str, str, str], str]:
    """The answer to each input (text, head, tail) with which positive-class micro-F1 is the highest possible.

    Micro-F1 is 2 · right / (positive answers + positive golds). An input whose best positive label is right in a
    share s of its rows is worth a positive answer where s is over half of the F1 that is reached in the end, so
    that the best choice is a beginning of the inputs sorted by s: all of them are tried.

    Returns:
        The label; for an input that is better not answered, the negative label, or "" where there is none.
    """
    golds = count_labels_by_input(examples)
    positive = {
        key: {label: n for label, n in labels.items() if not _equal(label, negative)} for key, labels in golds.items()
    }
    best = {key: _most(labels) for key, labels in positive.items() if labels}
    total = sum(sum(labels.values()) for labels in positive.values())
    shares = sorted(best, key=lambda key: (-positive[key][best[key]] / golds[key].total(), key))
    right = answered = chosen = 0
    highest = 0.0
    for number, key in enumerate(shares, 1):
        right += positive[key][best[key]]
        answered += golds[key].total()
        if (f1 := 2 * right / (answered + total)) > highest:
            highest, chosen = f1, number
    return dict.fromkeys(golds, negative or "") | {key: best[key] for key in shares[:chosen]}


def predict_floors(
    settings: Mapping[str, Any], benchmarks: Sequence[Path], outputs: Sequence[Path], manifests: Sequence[Path]
) -> None:
    """Write the predictions of floors and ceilings and, last, the manifest of each.

    Args:
        settings: `test_rows`, `data_seed`.
        benchmarks: Folders of the prepared benchmarks.
        outputs: Files to write, `…/{name}/{condition}/{benchmark}.parquet`.
        manifests: Manifests to write, `…/{name}/manifest.json`.
    """
    for folder in benchmarks:
        train, test = (read_examples(folder / f"{split}.parquet") for split in ("train", "test"))
        test = sample_examples(test, settings["test_rows"], settings["data_seed"])
        gold = {example.id: example.relation for example in test}
        inventory = read_json(folder / "labels.json")
        for path in outputs:
            if path.stem == folder.name:
                found = answers(path.parents[1].name, train, test, inventory["negative"], settings["data_seed"])
                write_predictions(path, list(gold), gold, [(label, None) for label in found], inventory["labels"])
    for manifest in manifests:
        write_manifest(manifest, [path for path in outputs if path.is_relative_to(manifest.parent)])
