"""What a reader does with the page, by mouse, keyboard and phone; and what assistive technology finds in it."""

import csv
import json
import re
from itertools import pairwise

import pytest

SYSTEM = "SmolLM3-3B/gentune/0-shot/seed-42"
OVERALL = "#matrix-table th:has-text('Overall')"
OPEN = "document.getElementById('score').open"


def table(page, name, **keys):
    """The rows of a table's file in which these columns have these values."""
    with (page.folder / "reports" / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in keys.items())]


def percent(text):
    return f"{100 * float(text):.1f}"


def numbers(cells):
    return [float(found[0]) for cell in cells if (found := re.match(r"-?\d+(?:\.\d+)?", cell))]


def link(system=SYSTEM, condition="schema", benchmark="tacred"):
    return f"#score={system.replace('/', '%2F')}&{condition}&{benchmark}"


def test_the_whole_matrix_fits_into_five_megabytes(full):
    assert (full / "reports" / "index.html").stat().st_size < 5_000_000


def test_it_opens_from_disk_and_draws_everything(opened):
    page = opened()
    assert page.evaluate("document.querySelectorAll('#matrix-table tbody tr').length") == 40 + 1 + 5
    charts = page.evaluate(
        "[...document.querySelectorAll('.chart svg')].map((svg) => svg.querySelectorAll('path').length)"
    )
    assert len(charts) == 8
    assert min(charts) > 20
    assert page.tab.title() == "mixtune: results"


def test_the_matrix_shows_the_numbers_of_its_file(opened):
    page = opened()
    rows = [row for row in table(page, "matrix", condition="schema") if row["mixture"] != "frontier"]
    for title, column in (("Overall", "overall_avg"), ("GIDS", "gids")):
        shown = [cell.removesuffix(", highest of its column") for cell in page.evaluate(f"checks.column('{title}')")]
        assert shown == [percent(row[column]) if row[column] else "–no score" for row in rows]


def test_it_is_sorted_by_a_column_and_back(opened):
    page = opened()
    before = page.evaluate("checks.column('Overall')")
    for state, down in (("descending", True), ("ascending", False)):
        page.tab.click(f"{OVERALL} button")
        assert page.tab.get_attribute(OVERALL, "aria-sort") == state
        found = numbers(page.evaluate("checks.column('Overall')"))
        assert len(found) == 40
        assert found == sorted(found, reverse=down)
    page.tab.click(f"{OVERALL} button")
    assert page.tab.get_attribute(OVERALL, "aria-sort") == "none"
    assert page.evaluate("checks.column('Overall')") == before
    for _ in range(2):  # blanks come last, whichever way
        page.tab.click("#matrix-table th:has-text('PG-Fiction') button")
        shown = page.evaluate("checks.column('PG-Fiction')")
        assert [cell.startswith("–") for cell in shown] == [False] * 30 + [True] * 10


def test_it_is_filtered(opened):
    page = opened()
    page.tab.check("input[name=model][value='SmolLM3-3B']")
    page.tab.check("input[name=mixture][value=mixtune]")
    assert page.evaluate("checks.column('Model')") == ["SmolLM3-3Bmixtune · 0-shot", "SmolLM3-3Bmixtune · 2-shot"]
    assert page.tab.text_content("#matrix-status").startswith("2 of 80 systems")
    page.tab.check("input[name=shots][value='2']")
    page.tab.uncheck("input[name=condition][value=schema]")
    assert page.evaluate("checks.column('Condition')") == ["schema", "generic"]
    frontier = page.evaluate(
        "[...document.querySelectorAll('#matrix-table tr')].filter((tr) => tr.textContent.startsWith('GPT-5.4'))"
        ".map((tr) => [...tr.querySelectorAll('th.system, td.fact.text')].map((cell) => cell.textContent))"
    )
    assert frontier == [[f"GPT-5.4frontier · {name}", "frontier", name] for name in ("schema", "generic")]
    page.tab.uncheck("input[name=baselines]")
    assert page.evaluate("document.querySelectorAll('#matrix-table tbody').length") == 1


def test_a_variant_has_rows_of_its_own(opened):
    page = opened(name="varied.html")
    assert page.tab.text_content("#matrix-status").startswith("46 of 92 systems")
    page.tab.check("input[name=variant][value=low]")
    assert page.evaluate("checks.column('Variant')") == ["low"] * 6
    page.tab.check("input[name=mixture][value=mixtune]")
    page.tab.check("input[name=shots][value='0']")
    page.tab.click("#matrix-table tbody tr:nth-child(1) button.open >> nth=0")
    assert "· low ·" in page.tab.text_content("#score")


def test_other_measures_transfer_and_intervals(opened):
    page = opened()
    page.tab.check("input[name=transfer]")
    specialists = 10 * (2 + 7) + 20  # the benchmarks of the other domain, and its average
    assert page.evaluate("document.querySelectorAll('#matrix-table .transfer').length") == specialists
    page.tab.check("input[name=intervals]")
    assert page.evaluate("document.querySelectorAll('#matrix-table .bounds').length") > 400
    page.tab.uncheck("input[name=transfer]")
    page.tab.select_option("#measure", "difference")
    keys = {"model": "SmolLM3-3B", "mixture": "gentune", "shots": "0", "benchmark": "gids"}
    wanted = float(table(page, "published", **keys)[0]["difference"])
    rows = [system.startswith("SmolLM3-3Bgentune · 0-shot") for system in page.evaluate("checks.column('Model')")]
    shown = page.evaluate("checks.column('GIDS')")[rows.index(True)]
    assert shown == f"{'−' if wanted < 0 else '+'}{percent(abs(wanted))}"
    assert page.evaluate("document.querySelectorAll('#matrix-table tbody').length") == 1  # floors are not in the paper
    page.tab.select_option("#measure", "out_of_schema")
    shown = page.evaluate("checks.column('GIDS')")[rows.index(True)]
    score = table(page, "scores", system=SYSTEM, condition="schema", benchmark="gids")[0]
    assert shown == percent(score["out_of_schema"])
    assert page.tab.locator(OVERALL).count() == 0


def test_what_is_behind_a_score(opened):
    page = opened()
    page.tab.click("#matrix-table tbody tr:nth-child(3) button.open")
    key = {"system": "SmolLM2-360M-Instruct/gentune/0-shot/seed-42", "condition": "schema", "benchmark": "tacred"}
    score = table(page, "scores", **key)[0]
    assert page.tab.text_content("#score h2") == "TACRED"
    shown = page.evaluate("checks.numbers()")
    assert shown["micro-F1"] == percent(score["micro_f1"])
    assert shown["Test rows"] == "15,509"
    baselines = {
        f"{row['kind']} {row['model']}": row for row in table(page, "scores", benchmark="tacred", condition="any")
    }
    assert len(baselines) == 4
    (frontier,) = table(page, "scores", kind="frontier", benchmark="tacred", condition="schema")
    baselines["frontier GPT-5.4 schema"] = frontier  # under the same condition
    assert [name for name in shown if name.startswith("frontier")] == ["frontier GPT-5.4 schema"]
    assert {name: shown[name] for name in baselines} == {
        name: percent(row["micro_f1"]) for name, row in baselines.items()
    }
    assert shown["TP · FP · FN"] == " · ".join(f"{int(score[n]):,}" for n in ("tp", "fp", "fn"))
    labels = {row["label"]: row for row in table(page, "per_class", **key)}
    names, *shown = (
        page.evaluate(f"checks.column('{title}', 'Scores of each positive label')")
        for title in ("Label", "Support", "F1")
    )
    assert shown[0][0] == f"{int(labels[names[0]]['support']):,}"
    assert shown[1][0] == percent(labels[names[0]]["f1"])
    assert set(names) <= labels.keys()
    for title in ("Confusions", "Scores by kind of example", "Errors: 6 examples"):
        page.tab.click(f"#score summary:has-text('{title}')")
    for mark, begins in (("m1", "Ada "), ("m2", "Port ")):
        found = page.evaluate(f"[...document.querySelectorAll('#score mark.{mark}')].map((one) => one.firstChild.data)")
        assert len(found) == 6
        assert all(mention.startswith(begins) for mention in found)
    pairs = table(page, "confusion", **key)[:20]
    assert page.evaluate("checks.column('Count', 'The most frequent confusions')") == [
        f"{int(p['count']):,}" for p in pairs
    ]
    assert page.evaluate("[...document.querySelectorAll('.confusion .diagonal')].some((cell) => cell.textContent)")


def test_text_from_data_stays_text(opened):
    page = opened()
    source = (page.folder / "reports" / "index.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="embedded">(.*?)</script>', source)[1])["tables"]
    parts, scores = data["errors"]["columns"]["parts"], data["errors"]["columns"]["score"]
    hostile = [any("<script>" in piece for piece, _ in text) for text in parts["of"]]
    at = scores[[hostile[place] for place in parts["at"]].index(True)]
    columns = [data["scores"]["columns"][name] for name in ("system", "condition", "benchmark")]
    page.evaluate(f"void (location.hash = '{link(*(column['of'][column['at'][at]] for column in columns))}')")
    page.tab.wait_for_selector("#score[open]")
    page.tab.click("#score summary:has-text('Errors')")
    assert '</script><img src=x onerror="alert(1)"> &' in page.tab.text_content("#score")
    assert page.evaluate("document.querySelectorAll('img, b, #score script').length") == 0
    assert page.tab.title() == "mixtune: results"


def test_by_keyboard_alone(opened):
    page = opened()
    focused = "document.activeElement.textContent"
    page.tab.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the matrix"
    page.tab.focus(f"{OVERALL} button")
    for key, state in (("Enter", "descending"), ("Space", "ascending")):
        page.tab.keyboard.press(key)
        assert page.tab.get_attribute(OVERALL, "aria-sort") == state
        assert page.evaluate(focused) == "Overall"  # the table is drawn anew, and the focus stays
    assert page.tab.locator("#matrix-table button.open[tabindex='0']").count() == 1
    page.tab.focus("#matrix-table button.open[tabindex='0']")
    row, column = page.evaluate("checks.place()")
    for key, place in {
        "ArrowRight": [row, column + 1],
        "ArrowDown": [row + 1, column + 1],
        "ArrowLeft": [row + 1, column],
        "ArrowUp": [row, column],
    }.items():
        page.tab.keyboard.press(key)
        assert page.evaluate("checks.place()") == place
    page.tab.keyboard.press("Enter")
    assert page.evaluate(OPEN)
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.tab.keyboard.press("Escape")
    assert not page.evaluate(OPEN)
    assert page.evaluate("checks.place()") == [row, column]
    assert page.evaluate("location.hash") == ""


def test_arrow_keys_step_over_blanks(opened):
    page = opened()
    page.tab.focus("#matrix-table tbody tr:nth-child(4) td:nth-child(7) button")  # gentune, 2 shots
    page.tab.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('tr').cells[1].textContent") == "mixtune"


def test_a_link_opens_a_score(opened):
    page = opened(at=link())
    assert page.tab.text_content("#score header p").startswith("SmolLM3-3B · gentune · 0-shot")
    page.tab.click("#score .close")
    assert not page.evaluate(OPEN)


def test_the_numbers_of_a_chart_are_a_table(opened):
    page = opened()
    page.tab.click("#numbers-shots summary")
    page.tab.click("#numbers-shots th:has-text('Overall') button")
    shown = numbers(page.evaluate("checks.column('Overall average', 'Effect of demonstrations')"))
    assert len(shown) == 40
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(opened, theme):
    page = opened(theme=theme, at=link())
    page.evaluate("checks.unfold()")
    assert page.evaluate("checks.faint()") == []
    page.tab.keyboard.press("Escape")
    page.tab.check("input[name=intervals]")
    for measure in ("micro_f1", "difference", "empty"):
        page.tab.select_option("#measure", measure)
        assert page.evaluate("checks.faint()") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_any_value_can_be_read_on_its_colour(opened, theme):
    page = opened(theme=theme)
    source = (page.folder / "reports" / "index.html").read_text(encoding="utf-8")
    colours = source[source.index("const SCALES") : source.index("// The matrix: a heat map")]
    least = """Math.min(...Object.entries(SPAN).flatMap(([kind, [low, high]]) => Array.from({ length: 501 }, (_, i) => {
      const node = document.createElement("i");
      paint(node, low + ((high - low) * i) / 500, kind);
      const ink = node.style.getPropertyValue("--ink") === "#fff" ? [255, 255, 255] : [0, 0, 0];
      return checks.contrast(ink, node.style.getPropertyValue("--fill").match(/\\d+/g).map(Number));
    })))"""
    assert page.evaluate(f"(() => {{ {colours}; return {least}; }})()") >= 4.5


def test_dark_by_the_system_and_by_choice(opened):
    background = "getComputedStyle(document.body).backgroundColor"
    page = opened(theme="dark")
    assert page.evaluate(background) == "rgb(17, 21, 25)"
    assert page.tab.get_attribute("#theme", "aria-pressed") == "true"
    page.tab.click("#theme")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    assert page.tab.get_attribute("#theme", "aria-pressed") == "false"
    page.tab.reload()
    page.tab.wait_for_selector("html[data-theme]", state="attached")
    assert page.evaluate(background) == "rgb(255, 255, 255)"  # the choice is kept


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_nothing_is_wider_than_the_screen(opened, width):
    page = opened(width=width)
    page.evaluate("checks.unfold()")
    assert page.evaluate("checks.overflowing()") == []
    page.evaluate(f"void (location.hash = '{link()}')")
    page.tab.wait_for_selector("#score[open]")
    page.evaluate("checks.unfold()")
    assert page.evaluate("checks.overflowing()") == []


def test_what_assistive_technology_finds(opened):
    page = opened(at=link())
    page.evaluate("checks.unfold()")
    assert page.evaluate("checks.nameless()") == []
    assert page.evaluate("checks.tables()") == []
    ids = page.evaluate(
        "[...document.querySelectorAll('[id]')].filter((one) => !one.closest('svg')).map((one) => one.id)"
    )
    assert len(ids) == len(set(ids))
    levels = page.evaluate(
        "[...document.querySelectorAll('main :is(h1, h2, h3)')].map((one) => Number(one.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"


def test_every_number_names_its_file(opened):
    page = opened(at=link())
    page.evaluate("checks.unfold()")
    assert page.evaluate("checks.unsourced()") == []
    named = page.evaluate("[...document.querySelectorAll('[data-source]')].map((one) => one.dataset.source)")
    for place in set(" ".join(named).split()) - {"config.yaml"}:
        assert (page.folder / "reports" / place).is_file() or "…" in place
    links = page.evaluate(
        "[...document.querySelectorAll('.source a, .files a')].map((one) => one.getAttribute('href'))"
    )
    assert len(links) > 30
    assert all((page.folder / "reports" / place).is_file() for place in links)
