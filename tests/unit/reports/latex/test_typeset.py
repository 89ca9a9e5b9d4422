"""Figures and LaTeX tables of the paper's whole matrix, with made-up numbers: do they fit on its pages?"""

import os
import re
import shutil
import subprocess
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mixtune.reports.experiment import setup_of
from mixtune.reports.figures.style import HIGH, WIDE
from mixtune.reports.latex import typeset as papers
from mixtune.reports.readme import FIGURES
from mixtune.reports.settings import Experiment, TypesetSettings
from mixtune.reports.tables.files import read_table, training_log
from tests.browser import made_up

SMALL = made_up.SETTINGS["models"][0]
HOSTILE = r"a&b%c$d#e_f{g}h~i^j\k é中<|>--"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Tables and setup of the paper's matrix."""
    paths, logs = made_up.write(tmp_path_factory.mktemp("papers"))
    found = {path.stem: read_table(path) for path in paths}
    costs = found["efficiency"].merge(found["matrix"].drop_duplicates(["model", "mixture", "shots"]))
    found["efficiency"] = costs.assign(f1_per_billion=costs["overall_avg"])
    setup = setup_of(Experiment.model_validate(made_up.SETTINGS))
    return found | {"training_log": training_log(logs)}, setup


@pytest.fixture(scope="module")
def one_model(whole):
    """Of one model, without any shots, on sample corpora: as small as a matrix gets."""
    found, setup = whole
    found = {name: frame.copy() for name, frame in found.items()}
    for name in ("matrix", "transfer", "intervals", "published", "efficiency", "training_log"):
        frame = found[name]
        found[name] = frame[frame["model"].eq(SMALL) & frame["shots"].eq(0)].reset_index(drop=True)
    sample = {"sample": list(setup["benchmarks"]), "caps": {"test_rows": 12, "max_rows": {}}}
    return found, setup | {"models": [SMALL], "shots": [0]} | sample


@pytest.fixture(scope="module")
def nothing(whole):
    """Without a training log, a published score, or two domains."""
    found, setup = whole
    published = found["published"].assign(ours=float("nan"), not_compared="no such run of ours")
    general = {name: one for name, one in setup["benchmarks"].items() if one["domain"] == "general"}
    matrix = (
        found["matrix"].assign(literary_avg=float("nan"), literary_n=0).drop(columns=["biographical", "pg_fiction"])
    )
    matrix = matrix[matrix["model"].eq(SMALL)]
    empty = {"published": published, "training_log": training_log([]), "matrix": matrix}
    empty |= {"transfer": found["transfer"].iloc[:0], "comparisons": found["comparisons"].iloc[:0]}
    return found | empty, setup | {"benchmarks": general, "models": [SMALL]}


@pytest.fixture
def boxes(monkeypatch):
    """A function that gives the texts of a figure, and their positions (left, bottom, right, top), in pixels."""
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, renderer: (drawn.append(self), draw(self, renderer)))

    def find(figure):
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        texts = [text for text in dict.fromkeys(drawn) if text.get_text().strip() and text.get_visible()]
        return texts, np.array([text.get_window_extent(renderer).extents for text in texts])

    return find


@pytest.mark.parametrize("size", ["whole", "one_model", "nothing"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_legible_in_print(name, size, boxes, request):
    figure = import_module(f"mixtune.reports.figures.{name}").draw(*request.getfixturevalue(size))
    width, height = figure.get_size_inches()
    assert width <= WIDE and height <= HIGH
    texts, places = boxes(figure)
    assert min(text.get_fontsize() for text in texts) >= 7
    outside = (places[:, :2] < figure.bbox.min).any(axis=1) | (places[:, 2:] > figure.bbox.max).any(axis=1)
    assert [text.get_text() for text, out in zip(texts, outside, strict=True) if out] == []
    # Slanted texts have boxes that overlap, though they do not.
    level = np.array([text.get_rotation() in (0, 90) for text in texts])
    first, second = places[level, None, :], places[None, level, :]
    apart = ((first[..., 2:] <= second[..., :2] + 0.5) | (second[..., 2:] <= first[..., :2] + 0.5)).any(axis=-1)
    shown = [text.get_text() for text, is_level in zip(texts, level, strict=True) if is_level]
    assert [(shown[a], shown[b]) for a, b in zip(*np.nonzero(~apart), strict=True) if a < b] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("published", "no such run of ours"), ("training", "no training logs"), ("domains", "general and a literary"),
     ("scaling", "several sizes")],
)  # fmt: skip
def test_a_figure_with_nothing_to_show_says_so(nothing, name, message):
    figure = import_module(f"mixtune.reports.figures.{name}").draw(*nothing)
    assert not figure.axes
    assert message in " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def test_figures_have_the_names_of_print(whole):
    found, setup = whole
    named = setup | {"names": {"gentune": "GenTune", SMALL: "Small $x$"}}
    for name, models in {"matrix": 1, "shots": 1, "benchmarks": 1, "domains": 1, "training": 1, "scaling": 0}.items():
        figure = import_module(f"mixtune.reports.figures.{name}").draw(found, named)
        words = [text.get_text() for text in figure.findobj(Text)]
        assert "Small $x$" in words or not models
        assert any(word.startswith("GenTune") for word in words) and "gentune" not in words


def test_of_several_seeds_the_interval_of_the_mean_is_drawn(whole):
    found, setup = whole
    one = found["intervals"].query("model == @SMALL and mixture == 'mixtune' and shots == 0 and benchmark == 'gids'")
    rows = [one.assign(seed=seed, value=value) for seed, value in ((1, 0.2), (2, 0.6))]
    rows.append(one.assign(seed=None, value=0.4, seeds=2))
    draw = import_module("mixtune.reports.figures.benchmarks").draw
    axes = draw({"intervals": pd.concat(rows)}, setup | {"seeds": [1, 2]}).axes[0]
    dots = [point for group in axes.collections for point in group.get_offsets().tolist() if len(point)]
    place = [name for name in setup["benchmarks"]].index("gids")
    assert [x - 115 * place for x, _ in dots if x] == [pytest.approx(40.0)]


# LaTeX


@pytest.fixture(scope="module")
def typeset(whole, one_model, nothing, tmp_path_factory):
    """Folders of LaTeX tables: the paper's matrix under hostile names, the smallest one, and empty ones."""
    folders = {}
    hostile = dict.fromkeys(["gentune", SMALL], HOSTILE)
    benchmarks = whole[1]["benchmarks"] | {"gids": {"title": HOSTILE, "domain": "general"}}
    cases = {
        "whole": (whole[0], whole[1] | {"names": hostile, "benchmarks": benchmarks}),
        "small": one_model,
        "nothing": nothing,
    }
    for name, case in cases.items():
        folders[name] = tmp_path_factory.mktemp(name)
        papers.write_latex(*case, folders[name])
    return folders


def test_the_job_typesets_tables_on_disk(typeset, one_model, tmp_path):
    found, setup = one_model
    names = ("matrix", "transfer", "intervals", "comparisons", "published", "efficiency", "data")
    for name in names:
        found[name].to_csv(tmp_path / f"{name}.csv", index=False)
    changes = {key: setup[key] for key in ("models", "shots", "sample", "caps")}
    settings = TypesetSettings(setup=Experiment.model_validate(made_up.SETTINGS | changes))
    papers.typeset(settings, [tmp_path / f"{name}.csv" for name in names], tmp_path)
    for path in typeset["small"].glob("*.tex"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def rows(text):
    """The cells of each line of a table."""
    return [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")]


def test_tables_follow_the_config_in_order_and_names(typeset, whole):
    text = (typeset["whole"] / "matrix.tex").read_text(encoding="utf-8")
    header = next(row for row in rows(text) if row[0] == "Mixture")
    titles = [re.fullmatch(r"\\rotatebox\{90\}\{(.*)\}", cell)[1] for cell in header[2:]]
    wanted = [
        papers.escape(HOSTILE if name == "gids" else one["title"]) for name, one in whole[1]["benchmarks"].items()
    ]
    assert titles[:9] == wanted
    first = [row[0] for row in rows(text) if len(row) > 9][2:]
    assert first[:8:2] == ["untuned", papers.escape(HOSTILE), "littune", "mixtune"]
    text = (typeset["whole"] / "published.tex").read_text(encoding="utf-8")
    assert [row[0] for row in rows(text) if len(row) > 9][1:7:2] == first[2:8:2]


def test_the_best_and_second_system_of_each_column_are_marked(typeset, whole):
    text = (typeset["whole"] / "matrix.tex").read_text(encoding="utf-8")
    scores = [row[2:] for row in rows(text) if len(row) > 9 and row[0] != "Mixture"][1:]
    matrix = whole[0]["matrix"]
    rivals = matrix[matrix["condition"].isin(["schema", "any"]) & ~matrix["mixture"].isin(["floor", "ceiling"])]
    for place, name in enumerate([*whole[1]["benchmarks"], "general_avg", "literary_avg"]):
        column = [row[place] for row in scores]
        best = {float(cell) for cell in re.findall(r"\\textbf\{([\d.]+)\}", " ".join(column))}
        second = {float(cell) for cell in re.findall(r"\\underline\{([\d.]+)\}", " ".join(column))}
        ranked = sorted({round(100 * value, 1) for value in rivals[name].dropna()}, reverse=True)
        assert (best, second) == ({ranked[0]}, {ranked[1]})


def test_every_score_of_the_matrix_has_its_interval(typeset):
    text = (typeset["whole"] / "matrix.tex").read_text(encoding="utf-8")
    cells = [cell for row in rows(text) if len(row) > 9 for cell in row[2:] if re.search(r"\d\.\d", cell)]
    assert len(cells) == 10 * 12 + 5 * 2 * (9 + 4 + 12) + 5 * 12  # untuned, cells, and baselines
    assert all(re.search(r"\$_\{-?[\d.]+\}\^\{[\d.]+\}\$$", cell) for cell in cells)


def test_costs_of_several_seeds_say_of_which(whole):
    found, setup = whole
    costs = found["efficiency"].query("model == @SMALL and mixture == 'mixtune' and shots == 0")
    both = {"efficiency": pd.concat([costs.assign(seed=seed) for seed in (1, 2)], ignore_index=True)}
    assert [row[1] for row in rows(papers.efficiency(both, setup | {"seeds": [1, 2]}))[-2:]] == [
        "0 (seed 1)",
        "0 (seed 2)",
    ]
    assert [row[1] for row in rows(papers.efficiency({"efficiency": costs}, setup))[-1:]] == ["0"]


def test_samples_are_named_in_every_table(typeset):
    for name in papers.PAPERS:
        assert "Sample corpora: no evidence" in (typeset["small"] / f"{name}.tex").read_text(encoding="utf-8")
        assert "Sample corpora" not in (typeset["whole"] / f"{name}.tex").read_text(encoding="utf-8")


def test_a_table_without_rows_says_so(typeset):
    for name in ("transfer", "comparisons", "published"):
        assert re.search(
            r"^N.*\. \\\\$", (typeset["nothing"] / f"{name}.tex").read_text(encoding="utf-8"), re.MULTILINE
        )


@pytest.mark.parametrize("case", ["whole", "small", "nothing"])
def test_tables_compile_and_fit(typeset, case):
    if shutil.which("pdflatex") is None:
        why = "LaTeX is not installed (Debian: apt-get install texlive-latex-recommended)"
        if os.environ.get("MIXTUNE_LATEX") == "1":
            pytest.fail(f"MIXTUNE_LATEX=1, but {why}")
        pytest.skip(why)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "tables.tex"]
    run = subprocess.run(command, cwd=typeset[case], capture_output=True, text=True, errors="replace", timeout=300)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "Overfull" not in run.stdout
    assert (typeset[case] / "tables.pdf").read_bytes().startswith(b"%PDF")
