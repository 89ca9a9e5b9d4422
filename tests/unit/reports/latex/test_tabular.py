"""Tables as LaTeX: what is escaped, marked and cut."""

import math
import re

import pytest

from mixtune.reports.latex.tabular import LONGEST, Column, escape, format_number, rank_marks, tabular
from mixtune.reports.markdown import ScoreEstimate


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 100 % #1 $x$", r"a\_b \& 100 \% \#1 \$x\$"),
        ("{~^\\}", r"\{\textasciitilde{}\textasciicircum{}\textbackslash{}\}"),
        ("\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a\n\n b\t%", r"a b \%"),
        ("a--b---c – d", "a-{}-b-{}-{}-c -- d"),
        ("Zoë Čapek Ő", r"Zo\"{e} \v{C}apek \H{O}"),
        ("Zoe\u0308", r"Zo\"{e}"),
        ("→ ± 中 🙂 ø\u200b", r"$\rightarrow$ $\pm$ [U+4E2D] [U+1F642] [U+00F8][U+200B]"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
    ],
)
def test_text_is_shown_as_it_is(text, latex):
    assert escape(text) == latex


def test_the_best_as_printed_is_marked_and_what_is_not_comparable_is_not():
    values = [85.04, 84.96, 84.9, math.nan, 99.0, 10.0]
    assert rank_marks(values, [True, True, True, True, False, True]) == ["textbf", "textbf", "underline", "", "", ""]
    assert rank_marks([1.0, 1.0], [True, True]) == ["textbf", "textbf"]
    assert rank_marks([math.nan], [True]) == [""]


@pytest.mark.parametrize(
    ("value", "latex"),
    [
        (0.8504, "85.0"),
        (-0.0312, "$-$3.1"),
        (-0.0001, "0.0"),
        (12.3456, "1,234.6"),
        (math.nan, "--"),
        (None, "--"),
        (ScoreEstimate(0.5, 0.012, (0.4, 0.6)), r"50.0{\tiny$\pm$1.2}$_{40.0}^{60.0}$"),
        (ScoreEstimate(-0.5, interval=(-0.6, 0.1)), "$-$50.0$_{-60.0}^{10.0}$"),
        (ScoreEstimate(0.0, interval=(-0.0001, 0.0001)), "0.0$_{0.0}^{0.0}$"),
    ],
)
def test_numbers(value, latex):
    assert format_number(value, scale=100) == latex


def test_a_mark_is_for_the_number_alone():
    assert (
        format_number(ScoreEstimate(0.5, interval=(0.4, 0.6)), scale=100, mark="textbf")
        == r"\textbf{50.0}$_{40.0}^{60.0}$"
    )


def test_a_table_has_groups_over_columns_and_headings_over_rows():
    columns = [Column("Name", align="l"), Column("a", "first"), Column("b", "first"), Column("c")]
    lines = tabular(columns, [("One", [["x", "1", "2", "3"]]), ("", [["y", "4", "5", "6"]])]).splitlines()
    assert lines[2:-2] == [
        r"\begin{tabular}{@{}lrrr@{}}",
        r"\toprule",
        r"\multicolumn{1}{c}{} & \multicolumn{2}{c}{first} & \multicolumn{1}{c}{} \\",
        r"\cmidrule(lr){2-3}",
        r"Name & a & b & c \\",
        r"\midrule",
        r"\multicolumn{4}{@{}l}{\textit{One}} \\",
        r"x & 1 & 2 & 3 \\",
        r"\midrule",
        r"y & 4 & 5 & 6 \\",
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def test_a_table_longer_than_a_page_is_cut_and_loses_no_row():
    blocks = [("A", [[f"a{n}"] for n in range(LONGEST - 4)]), ("B", [[f"b{n}"] for n in range(2 * LONGEST)])]
    text = tabular([Column("x")], blocks)
    parts = text.split(r"\begin{tabular}")[1:]
    assert len(parts) == 4
    assert re.findall(r"^([ab]\d+) ", text, re.MULTILINE) == [row[0] for _, rows in blocks for row in rows]
    for part in parts:
        assert part.count(r"\toprule") == 1 and len(re.findall(r"^[ab]\d+ ", part, re.MULTILINE)) <= LONGEST
    assert [re.findall(r"\\textit\{(.)\}", part) for part in parts] == [["A"], ["B"], ["B"], ["B"]]
