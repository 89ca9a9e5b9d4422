"""Probes of chat templates: what must be whole, opened thoughts, and the templates of released models."""

import os
import re
from pathlib import Path

import pytest

from mixtune.prompts.chat_template import Renderer, RenderError
from mixtune.prompts.messages import messages
from mixtune.prompts.probes import find_missing_turn, find_opened_thought

TURNS = [{"role": role, "content": text} for role, text in (("system", "S"), ("user", "U"), ("assistant", "A"))]
REAL = Path(os.environ.get("MIXTUNE_REALDATA", "")) / "chat_templates"
REFUSED = {
    "fireworks-ai-llama-3-firefunction-v2": "cannot be rendered .'functions' is undefined",
    "deepseek-ai-DeepSeek-V3.2": "opens a turn for the answer with .* but writes",
}
# Neither of these templates has a switch for it.
THINKING = {
    "Apriel-1.6-15b-Thinker-fixed": "Here are my reasoning steps:",
    "MiniMax-M2": "<think>",
    "NVIDIA-Nemotron-Nano-v2": "<think>",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "<think>",
    "llama-cpp-deepseek-r1": "<think>",
}
MARKS = re.compile(r"<[|｜]?[^<>\s'\"{}]+>|\[e~\[|\]~!?b\[|\]~b\]|\[/?[A-Z_]+\]")


@pytest.mark.parametrize(
    ("text", "role"),
    [("S U A", None), ("<U A>", "system"), ("S A", "user"), ("S U", "assistant"), ("S A U", "assistant"),
     ("U A S", "system"), ("U S A", None), ("s U A", "system")],
)  # fmt: skip
def test_contents_are_whole_and_in_order(text, role):
    missing = find_missing_turn(text, TURNS)
    assert (missing and missing["role"]) == role


@pytest.mark.parametrize(
    ("opened", "thought"),
    [("", ""), ("<think>\n", "<think>"), ("<think>\n</think>", ""), ("</think>", ""), ("Think:\n", "Think:"),
     ("<|channel>thought\n<channel|>", ""), ("[THINK]", "[THINK]"), ("<seed:think>", "<seed:think>")],
)  # fmt: skip
def test_a_thought_that_is_opened_and_not_closed_is_found(opened, thought):
    assert find_opened_thought(f"<user>Why?<model>{opened}", "<user>Why?<model>") == thought


def test_a_thought_that_is_a_part_of_every_answers_turn_is_found():
    assert find_opened_thought("<user>Why?<model><think>\n", "<user>Why?<model><think>\n") == "<think>"


@pytest.mark.skipif("MIXTUNE_REALDATA" not in os.environ, reason="MIXTUNE_REALDATA is not set: no real templates here")
def test_templates_of_released_models_render_whole_or_are_refused(tiny_tokenizer):
    shown = [("Bo hit Cy .", "Bo", "Cy", "Kill_1"), ("Di ran Ed .", "Di", "Ed", "Lead/2")]
    conversation = messages("schema", ["Rule_3", "Own 4"], shown, ("Fay met Gil .", "Fay", "Gil"))
    thinking, refused = {}, set()
    paths = sorted(REAL.glob("*.jinja"))
    for path in paths:
        source = path.read_text(encoding="utf-8")
        tokenizer = tiny_tokenizer(source, eos_token="<|endoftext|>")
        tokenizer.add_tokens(sorted(set(MARKS.findall(source))))  # none of them flagged as special
        try:
            renderer = Renderer(tokenizer)
        except RenderError as error:
            assert re.search(REFUSED[path.stem], str(error))
            refused.add(path.stem)
            continue
        text = renderer.text(conversation)
        folded = [turn["content"] for turn in conversation]
        if renderer._fold:
            folded[:2] = ["\n\n".join(folded[:2])]
        begins = [text.find(content) for content in folded]
        assert begins == sorted(begins)
        assert begins[0] >= 0
        trained = tokenizer.decode([*renderer.encode([text])[0], *renderer.answer("Rule_3")])
        turns = [*renderer._folded(conversation), {"role": "assistant", "content": "Rule_3"}]
        closed = renderer._template(turns)
        if renderer.opened_thought:
            thinking[path.stem] = renderer.opened_thought
        before, label, end = closed.rpartition("Rule_3")
        assert label
        if text.startswith(before.rstrip(" ")):  # but for a thought, opened or empty
            assert trained == f"{text}{before[len(text) :]}Rule_3{trained.rpartition('Rule_3')[2]}"
        else:
            assert trained.startswith(before)
        ending = trained.rpartition("Rule_3")[2]
        assert end.startswith(ending) or end == "" or ending == tokenizer.eos_token
        assert renderer.read(renderer.answer("Rule_3")).strip() == "Rule_3"
    assert thinking == THINKING
    assert refused == set(REFUSED)
    assert len(paths) > 40
