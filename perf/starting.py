"""The start of a job: CPU seconds of the imports of every program, compared with those of all that some of them need.

The libraries that a program imports only when it has read its arguments are part of it; those that it does without
(`mixtune.errors.block_imports`) are not.
"""

import ast
import json
import statistics
import subprocess
import sys
from pathlib import Path

from .common import ROOT, show

ALL = "import datasets, matplotlib.figure, pandas, peft, torch, transformers.trainer"  # the other side
TOKENIZER = "from transformers import AutoConfig, AutoTokenizer"  # which a renderer loads when it is made
RENDERING = ("card", "render_prompts", "render_training")
TARGETS = {True: 8, False: 2}  # seconds, with torch and without, on two cores of an AMD EPYC without bf16 instructions
PROGRAM = """
import json, os, sys
{imports}
times = os.times()
print(json.dumps([times.user + times.system, bool(sys.modules.get("torch"))]))
"""


def imports(script: Path) -> str:
    """The import statements of a program, wherever in it, after the call that says what it does without."""
    nodes = list(ast.walk(ast.parse(script.read_text(encoding="utf-8"))))
    keywords = [keyword for node in nodes if isinstance(node, ast.Call) for keyword in node.keywords]
    lines = ["from mixtune.errors import NOT_FOR_TUNING, block_imports"]
    lines += [f"block_imports({ast.unparse(keyword.value)})" for keyword in keywords if keyword.arg == "without"]
    lines += [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join([*lines, *[TOKENIZER] * (script.stem in RENDERING)])


def cpu_seconds(code: str, rounds: int = 3) -> tuple[float, bool]:
    """CPU seconds of a process, the median, and whether it has loaded torch."""
    runs = []
    for _ in range(rounds):
        command = [sys.executable, "-c", PROGRAM.format(imports=code)]
        runs.append(json.loads(subprocess.check_output(command, cwd=ROOT, text=True)))
    return statistics.median(seconds for seconds, _ in runs), runs[0][1]


def main() -> None:
    everything, _ = cpu_seconds(ALL)
    for script in sorted((ROOT / "workflow" / "scripts").glob("[a-z]*.py")):
        seconds, torch = cpu_seconds(imports(script))
        share = round(seconds / everything, 2)
        show(f"start_{script.stem}_cpu_seconds", round(seconds, 2), TARGETS[torch], False, share_of_all_imports=share)
