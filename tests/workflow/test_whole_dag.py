"""The whole workflow, from sample corpora to figures and report, with one tiny model on two cores."""

import csv
import json
import re
import zipfile
from collections import Counter, defaultdict
from itertools import product
from operator import itemgetter

import pyarrow.parquet as pq
import pytest
import yaml

MIXTURES = ("gentune", "littune", "mixtune")
SHOTS = ("0-shot", "2-shot")
CONDITIONS = ("generic", "schema")
BENCHMARKS = (
    "tacred", "semeval2010_task8", "conll04", "nyt11", "gids", "re_docred", "rebel", "biographical", "pg_fiction"
)  # fmt: skip
ENCODER = "encoder/tiny-roberta/seed-42"
FLOORS = ["floor/majority", "floor/majority-positive", "floor/type-pair", "floor/random", "ceiling/duplicates"]
CELLS = [f"tiny/{mixture}/{shots}/seed-42" for mixture, shots in product(MIXTURES, SHOTS)]
SERIES = ["tiny", "encoder/tiny-roberta", *FLOORS]
TABLES = (
    "matrix", "transfer", "scores", "per_class", "intervals", "comparisons", "data", "mixtures", "overlap", "lengths",
    "published", "confusion", "strata", "errors", "efficiency",
)  # fmt: skip
FIGURES = ("matrix", "shots", "scaling", "domains", "benchmarks", "published", "data", "training")
PAPERS = ("matrix", "averages", "transfer", "comparisons", "published", "efficiency", "data", "tables")

RESULTS = {
    "models/tiny/manifest.json",
    "models/tiny-roberta/manifest.json",
    *(
        f"benchmarks/{benchmark}/{file}"
        for benchmark in BENCHMARKS
        for file in (
            "train.parquet", "validation.parquet", "test.parquet", "labels.json", "audit.json", "manifest.json"
        )
    ),
    *(
        f"mixtures/{mixture}/{file}"
        for mixture in MIXTURES
        for file in ("train.parquet", "validation.parquet", "manifest.json")
    ),
    *(
        f"rendered/tiny/training/{mixture}/{shots}/{file}"
        for mixture, shots in product(MIXTURES, SHOTS)
        for file in ("train.parquet", "validation.parquet", "manifest.json")
    ),
    *(
        f"rendered/tiny/prompts/{shots}/{file}"
        for shots in SHOTS
        for file in (*(f"{c}/{b}.parquet" for c, b in product(CONDITIONS, BENCHMARKS)), "manifest.json")
    ),
    *(
        f"adapters/{cell}/{file}"
        for cell in CELLS
        for file in (
            "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "tokenizer.json",
            "tokenizer_config.json", "training_log.csv", "run_card.json", "manifest.json", "README.md", "NOTICE",
        )
    ),
    *(
        f"predictions/{cell}/{file}"
        for cell in CELLS
        for file in (
            *(f"{c}/{b}.parquet" for c, b in product(CONDITIONS, BENCHMARKS)), "run_card.json", "manifest.json"
        )
    ),
    *(
        f"encoders/tiny-roberta/{benchmark}/seed-42/{file}"
        for benchmark in BENCHMARKS
        for file in (
            "config.json", "model.safetensors", "classifier.safetensors", "chat_template.jinja", "tokenizer.json",
            "tokenizer_config.json", "training_log.csv", "run_card.json", "manifest.json",
        )
    ),
    *(
        f"predictions/{system}/{file}"
        for system in (ENCODER, *FLOORS)
        for file in (*(f"any/{benchmark}.parquet" for benchmark in BENCHMARKS), "manifest.json")
    ),
    f"predictions/{ENCODER}/run_card.json",
    *(f"scores/{system}.json" for system in (*CELLS, ENCODER, *FLOORS)),
    *(f"intervals/{series}.json" for series in SERIES),
    "benchmarks/all.json",
}  # fmt: skip
REPORTS = {
    "README.md",
    "index.html",
    *(f"tables/{table}.{ending}" for table in TABLES for ending in ("csv", "md")),
    *(
        f"tables/{card}.json"
        for card in (
            "run_card",
            *(f"run_card_{name}" for name in ("data", "comparisons", "published", "errors", "efficiency")),
        )
    ),
    *(f"tables/{paper}.tex" for paper in PAPERS),
    *(f"figures/{figure}.{ending}" for figure in FIGURES for ending in ("png", "pdf")),
}


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def read_table(project, name):
    with (project / f"reports/tables/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_writes_every_file_and_no_other(whole_run):
    project, _ = whole_run
    found = {name for name in files(project / "results") if not name.startswith("runtimes/")}
    assert found == RESULTS
    assert files(project / "reports") == REPORTS


def test_every_job_leaves_a_log_and_its_costs(whole_run):
    project, _ = whole_run
    jobs = {name.removesuffix(".log") for name in files(project / "logs")}
    assert len(jobs) == 1 + 10 + 3 + 6 + 2 + 4 * len(CELLS) + len(SERIES) + 8 + len(FIGURES) + (1 + 1 + 2) + (
        1 + len(FLOORS)
    )
    assert {name.removesuffix(".tsv") for name in files(project / "results/runtimes")} == jobs


def test_it_ends_with_its_results(whole_run):
    _, run = whole_run
    end = run.output[run.output.index("Results: F1 × 100 and its interval, under the condition schema") :]
    for part in (
        "Best overall average",
        "Best literary average",
        "Best trivial baseline, overall",
        "Open reports/index",
    ):
        assert part in end
    assert "no untuned model was evaluated (matrix.untuned: true does)" in end
    assert "The data of all benchmarks are small sample corpora" in end


def test_afterwards_nothing_is_to_be_done(whole_run):
    project, _ = whole_run
    assert "Nothing to be done" in project.snakemake("-n").output


def test_every_cell_is_trained_on_its_own_mixture(whole_run):
    project, _ = whole_run
    adapters = {(project / f"results/adapters/{cell}/adapter_model.safetensors").read_bytes() for cell in CELLS}
    assert len(adapters) == len(CELLS)
    for cell in CELLS:
        card = json.loads((project / f"results/adapters/{cell}/run_card.json").read_text())
        assert (card["steps"], card["examples"]) == (4, 16)  # max_rows / batch_size


def test_every_system_predicts_the_same_test_rows(whole_run):
    project, _ = whole_run
    for condition, benchmark in product(CONDITIONS, BENCHMARKS):
        paths = [project / f"results/predictions/{cell}/{condition}/{benchmark}.parquet" for cell in CELLS]
        paths += [project / f"results/predictions/{system}/any/{benchmark}.parquet" for system in (ENCODER, *FLOORS)]
        ids = {tuple(pq.read_table(path)["id"].to_pylist()) for path in paths}
        assert len(ids) == 1
        assert len(*ids) == 4  # prediction.test_rows


def test_the_matrix_has_a_row_for_each_cell_and_condition(whole_run):
    project, _ = whole_run
    with (project / "reports/tables/matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    baselines = [f"{row['mixture']}/{row['model']}" for row in rows if row["condition"] == "any"]
    assert baselines == ["encoder/tiny-roberta", *sorted(FLOORS[:4]), FLOORS[4]]
    rows = rows[: -len(baselines)]
    found = [(row["mixture"], f"{row['shots']}-shot", row["condition"]) for row in rows]
    assert sorted(found) == sorted(product(MIXTURES, SHOTS, CONDITIONS))
    assert {row["missing"] for row in rows} == {""}


def test_scores_of_an_encoder_and_of_floors_are_like_those_of_cells(whole_run):
    project, _ = whole_run
    facts = {"model", "mixture", "shots", "variant", "seed", "kind", "system", "negatives", "scores"}
    for system in (CELLS[0], ENCODER, *FLOORS):
        scores = json.loads((project / f"results/scores/{system}.json").read_text())
        assert scores.keys() == facts
        assert scores["system"] == system
        assert scores["kind"] == ("cell" if system == CELLS[0] else system.partition("/")[0])
    assert {score["micro_f1"] for score in scores["scores"]["any"].values()} == {1.0}  # of the ceiling
    with (project / "reports/tables/scores.csv").open(newline="") as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert kinds == {"cell", "encoder", "floor", "ceiling"}


def test_every_score_of_the_shown_matrix_has_its_interval(whole_run):
    project, _ = whole_run
    text = (project / "reports/tables/matrix.md").read_text()
    shown = {"gentune": 7 + 2, "littune": 2 + 2, "mixtune": 9 + 3}  # benchmarks of its domains, and averages
    wanted = sum(shown.values()) * len(SHOTS) * len(CONDITIONS) + (1 + len(FLOORS)) * (9 + 3)
    assert len(re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", text)) == wanted
    assert not re.search(r"\d\.\d+ \|", text)
    readme = (project / "reports/README.md").read_text()
    assert "95 % confidence interval" in readme and "10,000 resamples of its groups" in readme


def test_comparisons_pair_the_cells_that_differ_in_one_thing(whole_run):
    project, _ = whole_run
    with (project / "reports/tables/comparisons.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = Counter(row["family"] for row in rows)
    shots, mixtures = len(MIXTURES), len(SHOTS) * 3  # three mixtures make three pairs
    assert pairs == {
        f"{name}/{condition}{kind}": number * tests
        for name, number in (("shots", shots), ("mixtures", mixtures), ("baselines", len(SHOTS)))
        for condition in CONDITIONS
        for kind, tests in (("", 9), (" averages", 3))
    }
    assert {row["n"] for row in rows if row["benchmark"] in BENCHMARKS} == {"4"}
    assert all(0 < float(row["p_holm"]) <= 1 for row in rows)


def test_several_seeds_are_one_row_of_the_shown_matrix(whole_run, tmp_path):
    project = whole_run[0].copy(tmp_path / "project")
    project.configure(
        {
            "matrix": {"mixtures": ["littune"], "shots": [0], "seeds": [42, 43], "benchmarks": ["pg_fiction"]},
            "statistics": {"resamples": 100},
        }
    )
    project.snakemake()
    with (project / "reports/tables/matrix.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "tiny"]
    assert [(row["seed"], row["condition"]) for row in rows] == [
        (s, c) for c in ("schema", "generic") for s in ("42", "43")
    ]
    text = (project / "reports/tables/matrix.md").read_text().splitlines()
    assert text[0].startswith("| Model | Mixture | Shots | Condition | Seeds | PG-Fiction |")
    number = r"\d\.\d{3}"
    for line in [line for line in text if line.startswith("| tiny |")]:
        assert re.fullmatch(
            rf"\| tiny \| LitTune \| 0 \| \w+ \| 2 (\| {number} ± {number} \[{number}, {number}\] |\|  )+\| \d \|", line
        )
    (intervals,) = [
        one
        for one in json.loads((project / "results/intervals/tiny.json").read_text())
        if one["arm"] == "tiny/littune/0-shot"
    ]
    assert intervals["systems"] == ["tiny/littune/0-shot/seed-42", "tiny/littune/0-shot/seed-43"]


def test_intervals_are_of_the_averages_that_the_matrix_shows(whole_run):
    project, _ = whole_run
    key = itemgetter("model", "mixture", "shots", "variant", "seed", "condition")
    overall = {key(row): row for row in read_table(project, "intervals") if row["benchmark"] == "overall_avg"}
    for row in read_table(project, "matrix"):
        assert float(overall[key(row)]["value"]) == pytest.approx(float(row["overall_avg"]), abs=1e-12)


def test_errors_and_strata_add_up_to_the_scores(whole_run):
    project, _ = whole_run
    keys = ("system", "condition", "benchmark")
    scores = {tuple(row[key] for key in keys): row for row in read_table(project, "scores")}
    assert set(scores) >= set(product(CELLS, CONDITIONS, BENCHMARKS))
    sums = defaultdict(Counter)
    for row in read_table(project, "strata"):
        sums[*(row[key] for key in keys), row["stratum"]].update({key: int(row[key]) for key in ("tp", "fp", "fn")})
    assert len(sums) >= 3 * len(scores)  # a stratum of labels is empty where nothing is positive
    for (*system, _), counts in sums.items():
        assert counts == Counter({key: int(scores[tuple(system)][key]) for key in ("tp", "fp", "fn")})
    wrong = Counter(tuple(row[key] for key in keys) for row in read_table(project, "errors"))
    confused = Counter()
    for row in read_table(project, "confusion"):
        confused[tuple(row[key] for key in keys)] += int(row["count"])
    assert wrong == confused  # of four rows each, fewer than reports.errors


def test_a_sample_corpus_is_compared_with_no_published_score(whole_run):
    project, _ = whole_run
    rows = read_table(project, "published")
    assert len(rows) == 214 + 70
    assert {row["ours"] for row in rows} == {row["difference"] for row in rows} == {""}


def test_efficiency_holds_what_was_measured(whole_run):
    project, _ = whole_run
    averages = {
        (row["mixture"], row["shots"]): row["overall_avg"]
        for row in read_table(project, "matrix")
        if row["condition"] == "schema"  # reports.headline_condition
    }
    rows = {row["system"]: row for row in read_table(project, "efficiency")}
    assert list(rows) == CELLS
    parameters = json.loads((project / "results/models/tiny/manifest.json").read_text())["parameters"]
    for cell, row in rows.items():
        folder = project / f"results/adapters/{cell}"
        card = json.loads((folder / "run_card.json").read_text())
        assert int(row["base_parameters"]) == parameters > 0
        assert int(row["adapter_bytes"]) == (folder / "adapter_model.safetensors").stat().st_size
        assert (float(row["seconds"]), row["device"]) == (card["seconds"], card["device"])
        assert row["overall_avg"] == averages[row["mixture"], row["shots"]]


def test_the_readme_says_that_samples_are_no_benchmarks(whole_run):
    project, _ = whole_run
    assert "sample corpora" in (project / "reports/README.md").read_text().lower()


def test_the_page_shows_what_was_run_and_links_to_what_is_there(whole_run):
    project, _ = whole_run
    page = (project / "reports/index.html").read_text(encoding="utf-8")
    assert "These are not benchmark results." in page
    assert "6 cells, each evaluated on 9 benchmarks under 2 conditions." in page
    links = set(re.findall(r'<a href="([^#"]+)"', page)) - {"README.md"}
    assert links == {f"tables/{table}.csv" for table in TABLES}
    data = json.loads(re.search(r'id="embedded">(.*?)</script>', page)[1])
    assert data["tables"]["matrix"]["rows"] == len(CELLS) * len(CONDITIONS) + 1 + len(FLOORS)
    losses = next(chart for chart in data["charts"] if chart["id"] == "training")
    assert losses["table"]["rows"] == len(CELLS) * (4 + 1)  # steps, and the validation loss of the one epoch


@pytest.fixture(scope="module")
def report(whole_run, tmp_path_factory):
    """Snakemake's report: its results by path, and the names of the files next to it."""
    project = whole_run[0].copy(tmp_path_factory.mktemp("report") / "project")
    project.snakemake("--report", "reports/report.zip")
    with zipfile.ZipFile(project / "reports/report.zip") as archive:
        page = archive.read("report/report.html").decode()
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    return json.JSONDecoder().raw_decode(page, re.search(r"var results = (?={)", page).end())[0], names, page


def test_the_report_holds_tables_and_figures(report):
    results, names, _ = report
    shown = {f"reports/tables/{table}.csv" for table in TABLES if table != "errors"}  # which holds texts
    shown |= {f"reports/figures/{figure}.{ending}" for figure in FIGURES for ending in ("png", "pdf")}
    assert set(results) == shown
    assert names == {path.rpartition("/")[2] for path in shown} | {"report.html"}


def test_every_caption_of_the_report_is_filled_in(report):
    results, _, _ = report
    captions = {path: result["caption"] for path, result in results.items()}
    assert all(len(caption) > 50 for caption in captions.values())
    assert not [caption for caption in captions.values() if "{{" in caption or "{%" in caption]
    assert not [path for path, caption in captions.items() if len(re.findall(r"[.;](?=\s|<)", caption)) < 2]
    assert len({captions[f"reports/figures/{figure}.png"] for figure in FIGURES}) == len(FIGURES)
    assert "schema" in captions["reports/figures/matrix.png"]  # reports.headline_condition


def test_the_report_opens_with_what_was_run(report):
    page = report[2]
    assert "These are not benchmark results." in page
    assert "At most 4 test rows" in page


def test_the_overlay_is_what_ran(whole_run):
    project, _ = whole_run
    card = json.loads((project / f"results/adapters/{CELLS[0]}/run_card.json").read_text())
    wanted = yaml.safe_load((project / "tiny.yaml").read_text())["training"]
    assert card["settings"]["batch_size"] == wanted["batch_size"]
    assert (card["settings"]["lora"]["r"], card["settings"]["lora"]["alpha"]) == (2, 4)


def test_under_constrained_every_answer_is_a_label(whole_run, tmp_path):
    project = whole_run[0].copy(tmp_path / "project")
    project.configure(
        {"matrix": {"conditions": ["constrained"]}, "reports": {"headline_condition": "constrained"}},
    )
    project.snakemake(f"results/scores/{CELLS[0]}.json")
    for benchmark in BENCHMARKS:
        table = pq.read_table(project / f"results/predictions/{CELLS[0]}/constrained/{benchmark}.parquet")
        assert all(table["in_schema"].to_pylist())
        assert all(0 < confidence <= 1 for confidence in table["confidence"].to_pylist())
    scores = json.loads((project / f"results/scores/{CELLS[0]}.json").read_text())["scores"]["constrained"]
    assert {name: score["out_of_schema"] for name, score in scores.items()} == dict.fromkeys(BENCHMARKS, 0)
