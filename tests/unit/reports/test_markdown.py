"""Tables as Markdown."""

import pandas as pd
import pytest

from mixtune.reports.markdown import escape, markdown
from tests.unit.reports.score_files import NAN


def test_markdown_formats_numbers_and_leaves_blanks():
    frame = pd.DataFrame({"label": ["NA", "b"], "f1": [2 / 3, NAN], "n": [1234, 0]})
    assert markdown(frame) == ("| label | f1 | n |\n| --- | ---: | ---: |\n| NA | 0.6667 | 1234 |\n| b |  | 0 |\n")
    assert "| 0.67 |" in markdown(frame, digits=2)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("org:top_members/employees", "org:top_members/employees"),
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("`code`", r"\`code\`"),
        ("two\r\nlines\u2028three\ttabs ", "two lines three tabs"),
        ("_emphasis_ *too*", r"\_emphasis\_ \*too\*"),
        ("__bold__", r"\_\_bold\_\_"),
        ("[x](y) ~~z~~ $a$", r"\[x\](y) \~\~z\~\~ \$a\$"),
    ],
)
def test_text_from_data_is_shown_literally_in_markdown(text, escaped):
    assert escape(text) == escaped
    assert markdown(pd.DataFrame({text: [text]})).splitlines()[::2] == [f"| {escaped} |"] * 2
