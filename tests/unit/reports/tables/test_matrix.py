"""Matrix, transfer and gain worked by hand, and the faults that must not come back."""

import pandas as pd

from mixtune.reports.markdown import markdown
from mixtune.reports.readme import format_readme
from mixtune.reports.tables.files import read_table
from mixtune.reports.tables.matrix import gain, transfer
from mixtune.reports.tables.scores import scores
from mixtune.reports.tables.seeds import format_matrix
from tests.unit.reports.score_files import (
    AVERAGES,
    BASE,
    BASELINE_FILES,
    F1,
    NAN,
    SETUP,
    baseline_file,
    equal,
    file_of,
    matrix_of,
    score_of,
)


def test_a_matrix_worked_by_hand():
    table = matrix_of(*(file_of(name, F1) for name in ("gentune", "littune", "mixtune")), file_of("untuned", BASE))
    assert list(table["mixture"]) == ["untuned", "mixtune", "gentune", "littune"]
    assert list(table.columns) == [
        "model", "mixture", "shots", "variant", "seed", "condition", "tacred", "gids", "pg_fiction", *AVERAGES,
        "general_n", "literary_n", "overall_n", "missing", "flagged",
    ]  # fmt: skip
    numbers = table[[*F1, *AVERAGES, "general_n", "literary_n", "overall_n"]]
    assert equal(numbers.iloc[0], [0.25, 0.25, 0.0, 0.25, 0.0, 1 / 6, 2, 1, 3])
    assert equal(numbers.iloc[1], [0.5, 0.75, 0.25, 0.625, 0.25, 0.5, 2, 1, 3])
    assert equal(numbers.iloc[2], [0.5, 0.75, NAN, 0.625, NAN, 0.625, 2, 0, 2])
    assert equal(numbers.iloc[3], [NAN, NAN, 0.25, NAN, 0.25, 0.25, 0, 1, 1])
    assert set(table["missing"]) == set(table["flagged"]) == {""}


def test_rows_follow_the_setup_and_the_headline_condition_comes_first():
    both = ("generic", "schema")
    models = ("large", "small")
    table = matrix_of(
        *(file_of(name, F1, model, conditions=both) for name in ("littune", "mixtune") for model in models),
        *(file_of("gentune", F1, seed=seed) for seed in (42, 7)),
        file_of("untuned", F1, "large"),
    )
    assert list(table[["condition", "model", "mixture", "seed"]].itertuples(index=False, name=None)) == [
        ("schema", "small", "mixtune", 42),
        ("schema", "small", "gentune", 7),
        ("schema", "small", "gentune", 42),
        ("schema", "small", "littune", 42),
        ("schema", "large", "untuned", 0),
        ("schema", "large", "mixtune", 42),
        ("schema", "large", "littune", 42),
        ("generic", "small", "mixtune", 42),
        ("generic", "small", "littune", 42),
        ("generic", "large", "mixtune", 42),
        ("generic", "large", "littune", 42),
    ]


def test_baselines_come_last_and_show_all_benchmarks():
    table = matrix_of(
        *BASELINE_FILES,
        file_of("gentune", F1, model="large", conditions=("generic", "schema")),
        file_of("untuned", BASE),
    )
    assert list(zip(table["model"], table["mixture"], table["condition"], strict=True)) == [
        ("small", "untuned", "schema"),
        ("large", "gentune", "schema"),
        ("large", "gentune", "generic"),
        ("roberta-base", "encoder", "any"),
        ("roberta-large", "encoder", "any"),
        ("majority", "floor", "any"),
        ("duplicates", "ceiling", "any"),
    ]
    assert equal(table.iloc[3][[*F1, *AVERAGES]], [0.25, 0.25, 0.625, 0.25, 0.625, 0.375])


def test_baselines_are_in_no_transfer_gain_or_number_of_cells():
    files = [file_of("gentune", F1), file_of("untuned", BASE)]
    table, alone = matrix_of(*BASELINE_FILES, *files), matrix_of(*files)
    assert transfer(scores([*BASELINE_FILES, *files]), SETUP).equals(transfer(scores(files), SETUP))
    assert gain(table).equals(gain(alone))
    text = format_readme(SETUP, table)
    assert "Cells: 1; runs of untuned models: 1" in text
    baselines = "encoder roberta-base, encoder roberta-large, floor majority, ceiling duplicates"
    assert f"- Baselines: {baselines}\n" in text
    assert "| roberta-base | encoder | 0 | 0.2500 | 0.2500 | 0.6250 |" in text
    assert "Condition |" not in text
    assert "- Baselines: none\n" in format_readme(SETUP, alone)


def test_a_frontier_model_comes_after_the_cells_of_each_condition():
    both = {"conditions": ("generic", "schema")}
    frontier = file_of("frontier", F1, model="GPT", seed=0, kind="frontier", system="frontier/GPT", **both)
    files = [*BASELINE_FILES, frontier, file_of("gentune", F1, **both), file_of("untuned", BASE, **both)]
    table = matrix_of(*files)
    expected = [("untuned", "small"), ("gentune", "small"), ("frontier", "GPT")]
    assert [(*row[1:], row[0]) for row in table[["condition", "mixture", "model"]].itertuples(index=False)] == [
        *((*pair, condition) for condition in ("schema", "generic") for pair in expected),
        ("encoder", "roberta-base", "any"), ("encoder", "roberta-large", "any"), ("floor", "majority", "any"),
        ("ceiling", "duplicates", "any"),
    ]  # fmt: skip
    assert equal(table.iloc[2][[*F1, *AVERAGES]], [0.5, 0.75, 0.25, 0.625, 0.25, 0.5])
    text = format_readme(SETUP, table)
    assert "Cells: 1; runs of untuned models: 1" in text
    assert "- Baselines: frontier GPT, encoder roberta-base" in text
    assert text.count("| GPT | frontier | 0 |") == 1
    without = [one for one in files if one is not frontier]
    assert gain(table).equals(gain(matrix_of(*without)))
    assert transfer(scores(files), SETUP).equals(transfer(scores(without), SETUP))


def test_average_of_what_exists():
    table = matrix_of(file_of("mixtune", {"tacred": 0.5, "pg_fiction": 0.25}), file_of("littune", {"tacred": 0.5}))
    assert equal(table.loc[0, [*F1, *AVERAGES]], [0.5, NAN, 0.25, NAN, 0.25, NAN])
    assert list(table.loc[0, ["general_n", "literary_n", "overall_n"]]) == [2, 1, 3]
    assert list(table["missing"]) == ["gids", "pg_fiction"]
    assert "Missing" in format_matrix(table, SETUP)


def test_measured_value_overwritten():
    zeros = file_of("gentune", dict.fromkeys(F1, 0.0))
    zeros["scores"]["schema"]["gids"] = score_of(0.0, out_of_schema=0.25, empty=0.5)
    zeros["scores"]["schema"]["tacred"] = score_of(0.0, out_of_schema=0.5)
    table = matrix_of(zeros)
    assert equal(table.loc[0, [*F1, *AVERAGES]], [0.0, 0.0, NAN, 0.0, NAN, 0.0])
    assert table.loc[0, "flagged"] == "gids"
    assert list(format_matrix(table, SETUP)["Flagged"]) == [1]
    strange = file_of("mixtune", F1, model="not in the setup", conditions=("not in the setup",))
    assert equal(matrix_of(zeros, strange).loc[1, [*F1]], F1.values())


def test_a_benchmark_that_is_not_selected_is_in_no_average():
    setup = SETUP | {"benchmarks": {"gids": SETUP["benchmarks"]["gids"]}}
    table = matrix_of(file_of("gentune", F1), file_of("littune", F1), setup=setup)
    assert equal(table["general_avg"], [0.75, NAN])
    assert list(table["overall_n"]) == [1, 0]


def test_transfer_holds_what_the_matrix_leaves_out_of_specialists():
    files = [file_of("gentune", F1), file_of("littune", F1), file_of("mixtune", F1), file_of("untuned", F1)]
    whole, table = matrix_of(*files), transfer(scores(files), SETUP)
    assert list(table.columns) == list(whole.columns)
    assert list(table["mixture"]) == ["gentune", "littune"]
    assert equal(table.loc[0, [*F1, *AVERAGES]], [NAN, NAN, 0.25, NAN, 0.25, 0.25])
    assert equal(table.loc[1, [*F1, *AVERAGES]], [0.5, 0.75, NAN, 0.625, NAN, 0.625])
    for _, row in table.iterrows():
        own = whole[whole["mixture"] == row["mixture"]].iloc[0]
        assert all(pd.isna(own[name]) != pd.isna(row[name]) for name in F1)


def test_transfer_is_in_no_average_of_the_matrix_nor_in_the_headline():
    files = [file_of("gentune", F1), file_of("littune", F1), file_of("untuned", BASE)]
    others = [
        file_of("gentune", F1 | {"pg_fiction": 0.9}),
        file_of("littune", F1 | {"tacred": 0.0, "gids": 0.1}),
        files[2],
    ]
    one, two = matrix_of(*files), matrix_of(*others)
    pd.testing.assert_frame_equal(one, two)
    assert format_readme(SETUP, one) == format_readme(SETUP, two)
    pd.testing.assert_frame_equal(gain(one), gain(two))
    first, second = (transfer(scores(some), SETUP) for some in (files, others))
    assert not first["overall_avg"].equals(second["overall_avg"])


def test_without_specialists_transfer_is_an_empty_table():
    table = transfer(scores([file_of("mixtune", F1), file_of("untuned", F1)]), SETUP)
    assert len(table) == 0
    assert markdown(format_matrix(table, SETUP)).count("\n") == 2


def test_gain_compares_the_same_benchmarks():
    files = [file_of(name, F1) for name in ("gentune", "littune", "mixtune")]
    gains = gain(matrix_of(*files, file_of("untuned", BASE), file_of("mixtune", F1, "large")))
    assert list(gains["mixture"]) == ["mixtune", "gentune", "littune"]  # "large" has no base to compare with
    columns = ["general_gain", "literary_gain", "overall_gain"]
    assert equal(gains.loc[0, columns], [0.375, 0.25, 0.5 - 1 / 6])
    assert equal(gains.loc[1, columns], [0.375, NAN, 0.375])
    assert equal(gains.loc[2, columns], [NAN, 0.25, 0.25])
    assert len(gain(matrix_of(*files))) == 0


def test_gain_is_blank_where_the_base_lacks_a_score():
    gains = gain(matrix_of(file_of("mixtune", F1), file_of("untuned", {"tacred": 0.0, "pg_fiction": 0.0})))
    assert equal(gains.loc[0, ["general_gain", "literary_gain", "overall_gain"]], [NAN, 0.25, NAN])


def test_a_matrix_reads_back_as_it_was_written(tmp_path):
    models = ["NA", "1.50", "small"]
    files = [file_of("gentune", {"tacred": 1 / 3, "gids": 0.1 + 0.2}, model) for model in models]
    table = matrix_of(*files, file_of("littune", {}), setup=SETUP | {"models": models})
    table.to_csv(tmp_path / "matrix.csv", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "matrix.csv"), table, check_exact=True)


def test_a_baseline_without_an_evaluation_only_benchmark_has_blanks_and_no_average_over_it():
    files = [file_of("mixtune", F1), baseline_file("encoder", "roberta-base", {"tacred": 0.5, "pg_fiction": 0.25})]
    table = matrix_of(*files, baseline_file("ceiling", "duplicates", F1))
    assert equal(table.loc[1, [*F1, *AVERAGES]], [0.5, NAN, 0.25, NAN, 0.25, NAN])
    assert list(table["missing"]) == ["", "gids", ""]
    assert equal(table.loc[2, AVERAGES], [0.625, 0.25, 0.5])
    text = markdown(format_matrix(table, SETUP))
    assert "| roberta-base | encoder | 0 | 0.5000 |  | 0.2500 |  | 0.2500 |  | gids |" in text
