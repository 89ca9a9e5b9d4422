"""Files of floors and ceilings."""

import pyarrow.parquet as pq

from mixtune.artifacts.manifests import is_complete, write_json
from mixtune.baselines.predict_floors import predict_floors
from mixtune.baselines.settings import PredictFloorsSettings
from mixtune.data.files import write_examples
from mixtune.inference.predictions import SCHEMA

TYPES = [("lives", "PL"), ("works", "PO"), ("NA", "LL")]


def test_predictions_are_files_like_any_others(typed_rows, train, tmp_path):
    folder = tmp_path / "benchmarks" / "toy"
    folder.mkdir(parents=True)
    write_examples(folder / "train.parquet", train)
    write_examples(folder / "test.parquet", typed_rows(*TYPES * 3))
    write_json(folder / "labels.json", {"labels": ["lives", "born", "works", "NA"], "negative": "NA"})
    names = ["floor/type-pair", "ceiling/duplicates"]
    outputs = [tmp_path / name / "any" / "toy.parquet" for name in names]
    manifests = [tmp_path / name / "manifest.json" for name in names]
    predict_floors(PredictFloorsSettings(test_rows=4, data_seed=7), [folder], outputs, manifests)
    tables = [pq.read_table(path) for path in outputs]
    for table, manifest in zip(tables, manifests, strict=True):
        assert table.schema.equals(SCHEMA)
        assert table.num_rows == 4
        assert is_complete(manifest)
    assert tables[0]["id"].equals(tables[1]["id"])
    assert tables[1]["predicted"].equals(tables[1]["gold"])
    assert set(tables[0]["predicted"].to_pylist()) <= {"NA", "works"}
    assert tables[0]["raw"].equals(tables[0]["predicted"])
    assert tables[0]["confidence"].null_count == 4


def test_a_benchmark_without_train_rows_has_the_ceiling_alone(typed_rows, tmp_path):
    folder = tmp_path / "benchmarks" / "toy"
    folder.mkdir(parents=True)
    write_examples(folder / "train.parquet", [])
    write_examples(folder / "test.parquet", typed_rows(*TYPES * 3))
    write_json(folder / "labels.json", {"labels": ["lives", "born", "works", "NA"], "negative": "NA"})
    outputs = [tmp_path / "ceiling/duplicates" / "any" / "toy.parquet"]
    manifests = [tmp_path / name / "manifest.json" for name in ("floor/type-pair", "ceiling/duplicates")]
    predict_floors(PredictFloorsSettings(test_rows=None, data_seed=7), [folder], outputs, manifests)
    assert pq.read_table(outputs[0]).num_rows == 9
    assert all(is_complete(manifest) for manifest in manifests)
