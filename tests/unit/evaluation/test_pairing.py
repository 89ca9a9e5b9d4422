"""Which systems are compared."""

import pytest

from mixtune.evaluation.pairing import pairs, system_conditions
from mixtune.evaluation.settings import ComparisonSettings
from mixtune.systems import arm

BOTH = ("generic", "schema")
CELLS = [f"{model}/{mixture}/{shots}-shot/seed-7" for model in "AB" for mixture in ("gen", "lit") for shots in (0, 2)]
UNTUNED = [f"{model}/untuned/{shots}-shot/seed-0" for model in "AB" for shots in (0, 2)]


def found(comparison, systems=(*CELLS, *UNTUNED), conditions=("schema",)):
    """The pairs of a comparison, with shortened names."""

    def short(member):
        return member.system.replace("-shot", "").replace("/seed-7", "").replace("/seed-0", "")

    members = system_conditions(dict.fromkeys(systems, conditions))
    return [(family, short(a), short(b)) for family, a, b in pairs(settings(name="it", **comparison), members)]


def settings(**comparison):
    return ComparisonSettings(**{"where": {}, **comparison})


def test_an_arm_is_a_system_without_its_seed():
    assert arm("A/gen/0-shot/seed-42") == "A/gen/0-shot"
    assert arm("encoder/roberta-base/seed-1") == arm("encoder/roberta-base") == "encoder/roberta-base"


def test_cells_that_differ_only_in_shots():
    assert found({"vary": "shots", "of": [0, 2]}, CELLS) == [
        ("it/schema", f"{model}/{mixture}/0", f"{model}/{mixture}/2") for model in "AB" for mixture in ("gen", "lit")
    ]


def test_each_value_is_compared_with_each_that_follows():
    three = ["A/gen/0-shot/seed-7", "A/lit/0-shot/seed-7", "A/mix/0-shot/seed-7"]
    assert found({"vary": "mixture", "of": ["lit", "mix", "gen"]}, three) == [
        ("it/schema", "A/lit/0", "A/mix/0"),
        ("it/schema", "A/lit/0", "A/gen/0"),
        ("it/schema", "A/mix/0", "A/gen/0"),
    ]


def test_models_are_compared_on_the_same_mixture_shots_and_seed():
    systems = [*CELLS, "B/gen/0-shot/seed-8"]
    assert found({"vary": "model", "of": ["A", "B"], "where": {"mixture": ["gen"]}}, systems) == [
        ("it/schema", "A/gen/0", "B/gen/0"),
        ("it/schema", "A/gen/2", "B/gen/2"),
    ]


def test_an_untuned_model_is_compared_with_every_seed_of_its_cells():
    systems = ["A/untuned/0-shot/seed-0", "A/gen/0-shot/seed-1", "A/gen/0-shot/seed-2", "B/gen/0-shot/seed-1"]
    assert found({"vary": "mixture", "of": ["untuned", "*"]}, systems) == [
        ("it/schema", "A/untuned/0", "A/gen/0/seed-1"),
        ("it/schema", "A/untuned/0", "A/gen/0/seed-2"),
    ]


def test_each_seed_is_compared_with_its_own():
    systems = [f"A/gen/{shots}-shot/seed-{seed}" for shots in (0, 2) for seed in (1, 2)]
    assert found({"vary": "shots", "of": [0, 2]}, systems) == [
        ("it/schema", "A/gen/0/seed-1", "A/gen/2/seed-1"),
        ("it/schema", "A/gen/0/seed-2", "A/gen/2/seed-2"),
    ]
    only = {"vary": "shots", "of": [0, 2], "where": {"seed": [2]}}
    assert found(only, systems) == [("it/schema", "A/gen/0/seed-2", "A/gen/2/seed-2")]


def test_a_value_belongs_to_the_first_pattern_that_it_matches():
    assert found({"vary": "mixture", "of": ["untuned", "*"]}, ["A/gen/0-shot/seed-7", "A/untuned/0-shot/seed-0"]) == [
        ("it/schema", "A/untuned/0", "A/gen/0")
    ]


def test_every_condition_is_a_family_of_its_own():
    families = [family for family, *_ in found({"vary": "shots", "of": [0, 2]}, CELLS[:2], BOTH)]
    assert families == ["it/generic", "it/schema"]


def test_conditions_of_one_system_are_compared():
    members = system_conditions(dict.fromkeys(CELLS[:2], BOTH))
    found = list(pairs(settings(name="it", vary="condition", of=["generic", "schema"]), members))
    assert [(family, a.system, a.condition, b.system, b.condition) for family, a, b in found] == [
        ("it", system, "generic", system, "schema") for system in CELLS[:2]
    ]


def test_systems_of_any_kind_are_compared_by_name():
    systems = [*CELLS[:3], "encoder/roberta-base", "encoder/roberta-large/seed-7", "floor/majority", "frontier/x"]
    assert found({"vary": "system", "of": ["encoder/*", "A/gen/*"]}, systems) == [
        ("it/schema", "encoder/roberta-base", "A/gen/0"),
        ("it/schema", "encoder/roberta-base", "A/gen/2"),
        ("it/schema", "encoder/roberta-large", "A/gen/0"),
        ("it/schema", "encoder/roberta-large", "A/gen/2"),
    ]
    assert found({"vary": "model", "of": ["*", "encoder"]}, systems) == []


@pytest.mark.parametrize(
    ("where", "left"),
    [({"model": ["B"]}, 2), ({"shots": [2]}, 0), ({"condition": ["generic"]}, 0), ({"system": ["A/*", "C/*"]}, 2)],
)
def test_where_keeps_some_systems(where, left):
    assert len(found({"vary": "shots", "of": [0, 2], "where": where}, CELLS)) == left


def test_a_system_of_any_condition_is_compared_under_every_condition():
    systems = {"encoder/base/seed-1": ["any"], "m/mixtune/0-shot/seed-1": ["generic", "schema"]}
    for of in (["encoder/*", "*/mixtune/*"], ["*/mixtune/*", "encoder/*"]):
        found = list(pairs(settings(name="baselines", vary="system", of=of), system_conditions(systems)))
        assert [family for family, *_ in found] == ["baselines/generic", "baselines/schema"]
        members = [member for _, *pair in found for member in pair]
        assert {member.condition for member in members if member.system.startswith("encoder")} == {"any"}
