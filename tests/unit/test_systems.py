from pathlib import Path

import pytest

from mixtune import layout
from mixtune.systems import System, arm, parse_variant, variant_folder


@pytest.mark.parametrize(
    "system",
    [System("smol", "mixtune", 2, 42), System("smol", "untuned", 0, 0), System("smol", "mixtune", 2, 42, "lr.r-16")],
)
def test_a_system_is_its_path(system):
    assert System.parse(str(system)) == system
    assert System.of_folder(Path("/somewhere/else") / str(system)) == system
    assert parse_variant(variant_folder(system.variant)) == system.variant


def test_a_folder_of_no_cell_is_an_error():
    with pytest.raises(ValueError, match="no path of a cell"):
        System.of_folder(Path("results/predictions/floor/majority"))


@pytest.mark.parametrize(
    "path",
    [
        "floor/majority",
        "encoder/roberta/seed-1",
        "a/b/c-shot/seed-1",
        "a/b/1-shot",
        "x/a/b/1-shot/seed-1",
        "a/b/1-shot/v/w/seed-1",
    ],
)
def test_other_paths_are_no_cell(path):
    assert System.parse(path) is None


def test_an_arm_has_no_seed():
    assert arm("smol/mixtune/2-shot/seed-42") == "smol/mixtune/2-shot"
    assert arm("smol/mixtune/2-shot/low/seed-42") == "smol/mixtune/2-shot/low"
    assert arm("encoder/roberta/seed-1") == "encoder/roberta"
    assert arm("floor/majority") == "floor/majority"


def test_paths_of_one_system():
    cell = "smol/mixtune/2-shot/seed-42"
    assert layout.of_system(layout.ADAPTER, cell) == f"results/adapters/{cell}/manifest.json"
    assert layout.of_system(layout.SCORES, "floor/majority") == "results/scores/floor/majority.json"
    assert (
        layout.of_system(layout.PREDICTION_FILE, cell)
        == f"results/predictions/{cell}/{{condition}}/{{benchmark}}.parquet"
    )


def test_a_manifest_belongs_to_a_system_or_to_none():
    cell = System("smol", "mixtune", 2, 42)
    for pattern in (layout.ADAPTER, layout.PREDICTIONS):
        assert layout.of_manifest(layout.of_system(pattern, str(cell))) == cell
    assert layout.of_manifest("results/predictions/floor/majority/manifest.json") is None
    assert layout.of_manifest("results/models/smol/manifest.json") is None
    assert layout.of_manifest(layout.of_system(layout.SCORES, str(cell))) is None


def test_every_output_is_in_a_folder_of_outputs():
    paths = [
        value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str) and "/" in value
    ]
    assert {path.partition("/")[0] for path in paths if path != layout.PATH} == {"results", "reports"}
