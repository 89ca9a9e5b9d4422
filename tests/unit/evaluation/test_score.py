"""The file of a system's scores."""

import pyarrow.parquet as pq

from mixtune.artifacts.manifests import read_json
from mixtune.evaluation import scoring
from mixtune.inference.predictions import SCHEMA
from tests.unit.evaluation.files import BENCHMARKS, LABELS, ONE


def test_a_file_has_the_systems_fields_and_the_scores_of_every_benchmark(files):
    folder = files.predict(ONE, 0.6)
    files.scores(ONE)
    file = read_json(files.folder / "scores.json")
    assert file.pop("scores").keys() == {"schema"}
    cell = {"model": "small", "mixture": "mixtune", "shots": 0, "variant": "default", "seed": 1}
    assert file == {"system": ONE, "kind": "cell", "negatives": "benchmark", **cell}
    for name in BENCHMARKS:
        rows = pq.read_table(folder / "schema" / f"{name}.parquet", schema=SCHEMA).to_pydict()
        expected = scoring.score(rows["gold"], rows["predicted"], {"none"}, LABELS)
        assert read_json(files.folder / "scores.json")["scores"]["schema"][name] == expected
