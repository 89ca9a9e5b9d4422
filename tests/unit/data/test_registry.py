import csv
from pathlib import Path

import huggingface_hub
import pytest

from mixtune.artifacts.download import DATA_FILES
from mixtune.data import REGISTRY, SPLITS, MissingSplit, ReadError, read
from mixtune.data.registry import Benchmark
from mixtune.resources import resource

LABELS = {
    "tacred": 42,
    "semeval2010_task8": 19,
    "conll04": 5,
    "nyt11": 24,
    "gids": 5,
    "re_docred": 96,
    "rebel": 220,
    "biographical": 10,
    "pg_fiction": None,  # its train split gives them
}
NEGATIVES = {
    "tacred": "no_relation",
    "semeval2010_task8": "Other",
    "gids": "NA",
    "biographical": "Other",
    "pg_fiction": "none",
}
OFFICIAL = {  # examples and labels
    "tacred": {"train": (68_124, 42), "validation": (22_631, 42), "test": (15_509, 42)},
    "semeval2010_task8": {"train": (8_000, 19), "test": (2_717, 19)},
    "conll04": {"train": (1_283, 5), "validation": (343, 5), "test": (422, 5)},
    "nyt11": {"validation": (8_489, 22), "test": (8_616, 22)},
    "gids": {"validation": (1_864, 5), "test": (5_663, 5)},
    "re_docred": {
        "validation": (12_524, 94), "test": (12_693, 92),
        "document/validation": (17_284, 95), "document/test": (17_448, 95),
    },
    "biographical": {"human/test": (2_900, None)},
}  # fmt: skip
COPIED = {"general": 53_123, "literary": 39_636}  # test rows of the copies that the paper evaluated on


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Nothing here may ask the hub."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"the hub was asked for {args}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)


def hub_copy(folder: Path, relation: str = "met") -> Path:
    folder.mkdir(parents=True)
    with (folder / "test.csv").open("w", newline="") as file:
        rows = [("text", "entity1", "entity2", "relation"), ("Ann met Bo.", "Ann", "Bo", relation)]
        csv.writer(file).writerows(rows)
    return folder


def test_the_nine_benchmarks_and_their_domains():
    domains = {name: benchmark.domain for name, benchmark in REGISTRY.items()}
    assert list(domains) == list(LABELS)
    assert [name for name, domain in domains.items() if domain == "literary"] == ["biographical", "pg_fiction"]
    assert set(domains.values()) == {"general", "literary"}
    assert all(benchmark.name == name for name, benchmark in REGISTRY.items())


@pytest.mark.parametrize(("name", "number"), LABELS.items())
def test_the_inventory_has_its_documented_size(name, number):
    labels = REGISTRY[name].labels
    assert (labels and len(labels)) == number
    assert len(set(labels or ())) == (number or 0)
    assert all(label == label.strip() != "" for label in labels or ())


@pytest.mark.parametrize("name", REGISTRY)
def test_the_negative_label_is_the_benchmarks_own_and_in_its_inventory(name):
    negative = REGISTRY[name].negative
    assert negative == NEGATIVES.get(name)
    if negative and LABELS[name]:
        assert negative in REGISTRY[name].labels


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("tacred", ["org:city_of_headquarters", "per:stateorprovinces_of_residence"]),
        ("semeval2010_task8", ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"]),
        ("conll04", ["Work_For", "OrgBased_In"]),
        ("nyt11", ["/location/location/contains"]),
        ("gids", ["/people/person/education./education/education/degree"]),
        ("re_docred", ["country of citizenship"]),  # names, not P-ids
        ("rebel", ["country", "place of birth"]),
        ("biographical", ["bplace_name", "educatedAt"]),
    ],
)
def test_labels_are_spelled_as_the_benchmark_spells_them(name, some):
    assert set(some) <= set(REGISTRY[name].labels)


@pytest.mark.parametrize("name", REGISTRY)
def test_official_numbers(name):
    assert REGISTRY[name].official == OFFICIAL.get(name, {})


@pytest.mark.parametrize("domain", COPIED)
def test_the_copies_have_as_many_test_rows_as_the_papers_mixtures(domain):
    rows = [benchmark.copied_rows for benchmark in REGISTRY.values() if benchmark.domain == domain]
    assert sum(rows) == COPIED[domain]


def test_open_inventories():
    assert [name for name, benchmark in REGISTRY.items() if not benchmark.closed] == ["rebel", "pg_fiction"]


def test_every_benchmark_states_its_licence_and_its_files():
    assert all(benchmark.licence and benchmark.native and benchmark.title for benchmark in REGISTRY.values())


def test_a_benchmark_without_shipped_labels_has_no_inventory():
    assert Benchmark("own", "Own", "general", None, False, "").labels is None


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_with_native_files_is_read_by_the_benchmarks_reader(name, kind):
    first = next(read(name, kind(resource("sample", name)), "train"))
    assert first.benchmark == name
    assert first.id.startswith(f"{name}/train/")


@pytest.mark.parametrize("name", REGISTRY)
def test_a_folder_in_hub_layout_is_read_as_one_under_any_name(name, tmp_path):
    (example,) = read(name, hub_copy(tmp_path / "copy"), "test")
    assert (example.id, example.relation) == (f"{name}/test/0", "met")


def test_a_null_relation_of_a_copy_is_the_registrys_negative_or_the_callers(tmp_path):
    folder = hub_copy(tmp_path / "copy", relation="")
    assert next(read("gids", folder, "test", negative="ignored")).relation == "NA"
    assert next(read("own", folder, "test", negative="nothing")).relation == "nothing"
    with pytest.raises(ReadError, match="relation is null"):
        next(read("own", folder, "test"))


@pytest.mark.parametrize("split", SPLITS)
def test_a_missing_folder_for_tacred_names_its_licence_and_its_files(tmp_path, split):
    with pytest.raises(
        MissingSplit, match=r"gone: no such folder; .*LDC2018T24.*train\.json, dev\.json and test\.json"
    ):
        read("tacred", tmp_path / "gone", split)


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "tacred"])
def test_a_missing_folder_names_the_files_that_it_should_hold(tmp_path, name):
    with pytest.raises(MissingSplit) as caught:
        read(name, tmp_path / "gone", "test")
    assert str(caught.value) == f"{tmp_path / 'gone'}: no such folder; expected {REGISTRY[name].native}"


def test_a_missing_folder_of_ones_own_names_the_config_key(tmp_path):
    with pytest.raises(MissingSplit, match=r"no such folder; see benchmarks\.<name>\.path"):
        read("own", tmp_path / "gone", "test")


@pytest.mark.parametrize("path", [Path("data/tacred"), "/data/tacred", "./tacred", "data", "data/sets/tacred"])
def test_a_missing_folder_is_never_looked_for_on_the_hub(tmp_path, monkeypatch, path):
    """`data/tacred` has the form of a hub id, and is the folder that config.yaml names."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingSplit, match=r"tacred: no such folder|data: no such folder"):
        read("tacred", path, "train")


def test_a_hub_id_is_downloaded(tmp_path, monkeypatch):
    asked = []

    def snapshot(repository, **options):
        asked.append((repository, options))
        return str(hub_copy(tmp_path / "copy"))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    (example,) = read("gids", "Despina/gids", "test")
    assert example.id == "gids/test/0"
    assert asked == [("Despina/gids", {"repo_type": "dataset", "allow_patterns": DATA_FILES})]


def test_a_hub_id_that_cannot_be_downloaded_is_an_error_with_the_reason(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ReadError, match=r"Despina/gids: neither a folder nor a data set .*no route"):
        read("gids", "Despina/gids", "test")
