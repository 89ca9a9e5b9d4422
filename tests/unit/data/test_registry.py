import pytest

from mixtune.data.registry import REGISTRY, Benchmark

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
