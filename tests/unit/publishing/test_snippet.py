"""The program of a model card runs and has the prompt of fine-tuning."""

import io
from contextlib import redirect_stdout

import pytest

from mixtune.prompts.chat_template import Renderer, folder_renderer
from mixtune.prompts.rendering import render
from mixtune.publishing.snippet import DEMONSTRATIONS, QUERY, snippet
from tests.unit.publishing.cards import RUN, settings

LABELS = ["Work_For", "Kill", "OrgBased_In", "Live_In", "Located_In"]  # CoNLL04's


def conversation(shots: int, make_example):
    """The card's question as an example, and its demonstrations as the only ones that may be drawn."""
    text, head, tail = QUERY
    shown = [make_example(n, *demo[:3], relation=demo[3]) for n, demo in enumerate(DEMONSTRATIONS[:shots], 1)]
    return make_example(0, text, head, tail), shown


def expected_ids(renderer: Renderer, shots: int, condition: str, make_example) -> list[int]:
    """The prompt's ids by the code that renders training rows: its demonstrations may come in another order."""
    example, shown = conversation(shots, make_example)
    options = {"condition": condition, "shots": shots, "max_length": 4096, "training": False}
    for seed in range(50):
        [row] = render(renderer, [example], {"toy": shown}, {"toy": LABELS}, seed=seed, **options)
        text = renderer.tokenizer.decode(row.input_ids)
        places = [text.index(demo.text) for demo in shown]
        if places == sorted(places):
            return row.input_ids
    raise AssertionError("the order of the card was never drawn")


def execute(code: str, base, adapter) -> tuple[dict, str]:
    """Run a card's program as a reader would, with this machine's folders in it: its variables, what it printed."""
    code = code.replace('"maker/tiny"', repr(str(base))).replace('"path/to/tiny-re_own-2-shot"', repr(str(adapter)))
    code = code.replace('"path/to/tiny-re_own-0-shot"', repr(str(adapter)))
    variables, printed = {}, io.StringIO()
    with redirect_stdout(printed):
        exec(code, variables)
    return variables, printed.getvalue()


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("template", ["chatml", "llama", "gemma", "smollm3", "qwen3"])
def test_the_program_runs_with_the_prompt_that_was_trained(bases, template, shots, make_example):
    base, adapter = bases(template)
    renderer = folder_renderer(base)
    code = snippet(settings(shots=shots), RUN, f"tiny-re_own-{shots}-shot", renderer)
    variables, printed = execute(code, base, adapter)
    assert variables["inputs"]["input_ids"][0].tolist() == expected_ids(renderer, shots, "generic", make_example)
    assert variables["output"].shape[1] <= variables["inputs"]["input_ids"].shape[1] + 8
    assert printed.endswith("\n")


def test_a_clock_is_pinned_only_where_a_template_reads_it(bases):
    for template in ("chatml", "llama", "gemma", "smollm3", "qwen3"):
        code = snippet(settings(), RUN, "name", folder_renderer(bases(template)[0]))
        assert ("strftime_now" in code) is (template == "smollm3")
        assert ("enable_thinking=False" in code) is (template in ("smollm3", "qwen3"))


def test_the_program_of_an_adapter_tuned_with_labels_lists_them(bases, make_example):
    base, adapter = bases("chatml")
    renderer = folder_renderer(base)
    code = snippet(settings(condition="schema"), RUN, "tiny-re_own-2-shot", renderer)
    variables, _ = execute(code, base, adapter)
    assert variables["inputs"]["input_ids"][0].tolist() == expected_ids(renderer, 2, "schema", make_example)


def test_the_program_names_the_repository_and_the_commit(bases):
    renderer = folder_renderer(bases("chatml")[0])
    code = snippet(settings(namespace="me"), RUN | {"base_model_commit": "b" * 40}, "name", renderer)
    assert 'adapter = "me/name"' in code
    assert f'base, revision = "maker/tiny", "{"b" * 40}"' in code


def test_a_turn_that_the_template_opens_in_part_is_completed_and_an_unflagged_end_of_turn_not_printed(tiny_tokenizer):
    source = "{% for m in messages %}<|im_start|>{{ m.role ~ ('<final>' if m.role == 'assistant' else '') }}\n"
    source += "{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{% endif %}"
    tokenizer = tiny_tokenizer(source)
    tokenizer.add_tokens(["<final>", "<end>"])
    code = snippet(settings(), RUN, "name", Renderer(tokenizer))
    after = repr('{{- "<final>\\n" }}')
    assert f"    chat_template=tokenizer.get_chat_template() + {after},\n" in code
    end = tokenizer.convert_tokens_to_ids("<end>")
    assert f'[id for id in output[0, inputs["input_ids"].shape[1] :].tolist() if id not in [{end}]]' in code
    compile(code, "card", "exec")
