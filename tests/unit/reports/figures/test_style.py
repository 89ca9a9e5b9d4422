"""Figures: what they show, and that they are the same every time."""

import math
import re

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from mixtune.errors import UserError
from mixtune.reports.figures import matrix, shots, style
from mixtune.reports.tables.files import read_table

NAN = math.nan
SETUP = {
    "models": ["small", "large"],
    "mixtures": {"gentune": {"benchmarks": ["tacred"]}, "mixtune": {"benchmarks": ["tacred", "pg_fiction"]}},
    "shots": [0, 2],
    "variants": ["default"],
    "seeds": [42],
    "conditions": ["generic", "schema"],
    "benchmarks": {
        "pg_fiction": {"title": "PG-Fiction $x$", "domain": "literary"},
        "tacred": {"title": "TACRED", "domain": "general"},
    },
    "headline_condition": "schema",
    "caps": {"test_rows": None, "max_rows": {}},
    "sample": [],
}


def row(mixture, shots, tacred, fiction, *, seed=42, model="small", condition="schema", n=(1, 1, 2)):
    averages = [tacred, fiction, (tacred + fiction) / 2 if n[1] else tacred]
    values = [model, mixture, shots, "default", seed, condition, fiction, tacred, *averages, *n, "", ""]
    return dict(zip(COLUMNS, values, strict=True))


COLUMNS = [
    "model", "mixture", "shots", "variant", "seed", "condition", "pg_fiction", "tacred", "general_avg", "literary_avg",
    "overall_avg", "general_n", "literary_n", "overall_n", "missing", "flagged",
]  # fmt: skip
MATRIX = pd.DataFrame(
    [
        row("untuned", 0, 0.031, 0.0, seed=0),
        row("gentune", 0, 0.5, NAN, n=(1, 0, 1)),
        row("gentune", 2, 0.625, NAN, n=(1, 0, 1)),
        row("mixtune", 0, 0.75, 0.25),
        row("mixtune", 2, 1.0, 0.125),
        row("mixtune", 0, 0.011, 0.022, condition="generic"),
    ]
)


def heat_map(table, setup):
    return matrix.draw({"matrix": table}, setup)


def shot_effect(table, setup):
    return shots.draw({"matrix": table}, setup)


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_each_system_is_in_the_heat_map_with_each_score():
    shown = words(heat_map(MATRIX, SETUP))
    values = [word for word in shown if re.fullmatch(r"\d+\.\d|–", word)]
    general, literary = ["3.1", "50.0", "62.5", "75.0", "100.0"], ["0.0", "–", "–", "25.0", "12.5"]
    assert values == [*general, *literary, *general, *literary, "1.6", "50.0", "62.5", "50.0", "56.2"]
    for word in ("small", "untuned", "gentune", "mixtune", "TACRED", "PG-Fiction $x$", "Overall (n=1/2)"):
        assert shown.count(word) == 1
    assert shown.count("0-shot") == 3
    assert "Condition: schema." in shown


def baseline(kind, model, score, **more):
    return row(kind, 0, score, score, model=model, condition="any", **more)


def test_baselines_have_blocks_of_their_own():
    rows = [baseline("encoder", "roberta", 0.6), baseline("floor", "majority", 0.2), baseline("floor", "random", 0.1)]
    shown = words(heat_map(pd.concat([MATRIX, pd.DataFrame(rows)]), SETUP))
    for word in ("small", "Encoder", "roberta", "Floor", "majority", "random"):
        assert shown.count(word) == 1
    assert shown.count("0-shot") == 3  # of untuned, gentune, mixtune: baselines have no shots
    values = [word for word in shown if re.fullmatch(r"\d+\.\d|–", word)]
    assert values[:8] == ["3.1", "50.0", "62.5", "75.0", "100.0", "60.0", "20.0", "10.0"]


def test_seeds_of_an_encoder_are_averaged_and_only_with_each_other():
    rows = [baseline("encoder", name, score, seed=seed) for name, score in (("a", 0.5), ("b", 0.1)) for seed in (1, 2)]
    rows[0] |= {"tacred": 0.25}
    shown = words(heat_map(pd.concat([MATRIX.head(1), pd.DataFrame(rows)]), SETUP))
    assert [word for word in shown if re.fullmatch(r"\d+\.\d", word)][:3] == ["3.1", "37.5", "10.0"]


def test_shots_are_of_the_cells_alone():
    rows = pd.DataFrame([baseline("encoder", "roberta", 0.6), baseline("ceiling", "duplicates", 1.0)])
    assert words(shot_effect(pd.concat([MATRIX, rows]), SETUP)) == words(shot_effect(MATRIX, SETUP))


def test_an_average_of_no_benchmark_has_no_column():
    general = SETUP | {"benchmarks": {"tacred": SETUP["benchmarks"]["tacred"]}}
    shown = words(heat_map(MATRIX[MATRIX["mixture"] == "gentune"], general))
    assert "general" in shown and "literary" not in shown
    assert not [word for word in shown if word.startswith("Literary")]


def test_average_of_what_exists():
    """Seeds are averaged, and a score that one of them lacks is blank."""
    table = pd.DataFrame([row("mixtune", 0, 0.5, 0.25, seed=1), row("mixtune", 0, 0.25, NAN, seed=2)])
    shown = words(heat_map(table, SETUP | {"seeds": [1, 2]}))
    values = [word for word in shown if re.fullmatch(r"\d+\.\d|–", word)]
    assert values == ["37.5", "–", "37.5", "–", "–"]
    assert "Condition: schema. Scores are means over 2 seeds." in shown


def test_samples_and_caps_are_named_in_the_figure():
    setup = SETUP | {"caps": {"test_rows": 16, "max_rows": {}}, "sample": ["tacred"]}
    for draw in (heat_map, shot_effect):
        note = [word for word in words(draw(MATRIX, setup)) if word.startswith("Condition")]
        assert note == [
            "Condition: schema. At most 16 test rows per benchmark.\nSample corpora: no evidence about the benchmarks."
        ]


@pytest.mark.parametrize("score", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_scores_are_legible_on_their_colour(score):
    """The contrast of text and cell is at least 3, which WCAG 2 requires of large or graphical text."""
    figure = heat_map(pd.DataFrame([row("mixtune", 0, score, score)]), SETUP)
    text = next(text for text in figure.findobj(Text) if text.get_text() == f"{100 * score:.1f}")

    def luminance(colour):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    pair = sorted([luminance(to_rgb(text.get_color())), luminance(style.COLOURS(score))])
    assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3


def test_shots_show_the_lowest_and_highest_average_and_how_many_benchmarks():
    shown = words(shot_effect(MATRIX, SETUP))
    assert [word for word in shown if re.fullmatch(r"\d+\.\d", word)] == [
        "1.6",
        "50.0",
        "62.5",
        "50.0",
        "56.2",
    ]
    assert [word for word in shown if word.startswith("n=")] == ["n=2", "n=1", "n=2"]
    assert shown.count("0-shot") == shown.count("2-shot") == 1


def test_shots_without_an_average_are_a_dash():
    shown = words(shot_effect(pd.DataFrame([row("mixtune", 5, 0.5, NAN)]), SETUP))
    assert shown.count("–") == 1


@pytest.mark.parametrize("draw", [heat_map, shot_effect])
def test_the_same_numbers_give_the_same_bytes_whatever_the_users_style(draw, tmp_path):
    for name, size in {"one": 10, "two": 20}.items():
        with matplotlib.rc_context({"font.size": size, "axes.grid": True}):
            style.save(draw(MATRIX.head(2), SETUP), tmp_path / "figures" / name)
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
        one, two = ((tmp_path / "figures" / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two and one.startswith(magic)
        assert b"CreationDate" not in one


@pytest.mark.parametrize("draw", [heat_map, shot_effect])
def test_a_headline_condition_without_scores_names_the_setting(draw):
    with pytest.raises(UserError, match=r"'constrained'.*reports\.headline_condition"):
        draw(MATRIX, SETUP | {"headline_condition": "constrained"})


@pytest.mark.parametrize("draw", [heat_map, shot_effect])
def test_a_figure_is_drawn_from_the_table_that_was_written(draw, tmp_path):
    MATRIX.to_csv(tmp_path / "matrix.csv", index=False)
    assert words(draw(read_table(tmp_path / "matrix.csv"), SETUP)) == words(draw(MATRIX, SETUP))
