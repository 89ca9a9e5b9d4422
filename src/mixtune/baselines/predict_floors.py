"""Predictions of the trivial baselines and the upper bound on the test rows of every benchmark."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..artifacts.manifests import read_json, write_manifest
from ..data.files import read_examples
from ..data.formats import LabelInventory
from ..data.sampling import sample_examples
from ..inference.predictions import write_predictions
from .floors import predict_labels
from .settings import PredictFloorsSettings


def predict_floors(
    settings: PredictFloorsSettings, benchmarks: Iterable[Path], outputs: Sequence[Path], manifests: Sequence[Path]
) -> None:
    """Write the predictions of floors and ceilings and, last, the manifest of each.

    Args:
        settings: The test rows.
        benchmarks: Folders of the prepared benchmarks.
        outputs: Files to write, `…/{name}/{condition}/{benchmark}.parquet`.
        manifests: Manifests to write, `…/{name}/manifest.json`.
    """
    for folder in benchmarks:
        train, test = (read_examples(folder / f"{split}.parquet") for split in ("train", "test"))
        test = sample_examples(test, settings.test_rows, settings.data_seed)
        gold = {example.id: example.relation for example in test}
        inventory = read_json(folder / "labels.json", LabelInventory)
        for path in outputs:
            if path.stem == folder.name:
                name = path.parents[1].name
                predicted = predict_labels(name, train, test, inventory["negative"], settings.data_seed)
                write_predictions(path, list(gold), gold, [(label, None) for label in predicted], inventory["labels"])
    for manifest in manifests:
        write_manifest(manifest, [path for path in outputs if path.is_relative_to(manifest.parent)])
