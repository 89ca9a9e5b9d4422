"""Chat templates: pinned dates, folded system roles, the end of turn, the hash, and texts that imitate templates."""

from datetime import datetime

import pytest

from mixtune.prompts import chat_template
from mixtune.prompts.chat_template import Renderer, RenderError

END = 258  # <|im_end|>
TEMPLATES = ["chatml", "llama", "gemma", "smollm3", "qwen3"]
PLAIN = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '\\n' }}{% endfor %}"


def hash_of(tokenizer) -> str:
    return Renderer(tokenizer).template_hash


def test_a_date_that_a_template_asks_for_by_name_is_pinned(tiny_tokenizer):
    source = "{{ date_string if date_string is defined else 'some day' }}{{ messages[0].content }}<|im_end|>"
    assert Renderer(tiny_tokenizer(source)).text([{"role": "user", "content": " Hi"}]) == "26 Jul 2024 Hi<|im_end|>"


@pytest.mark.parametrize("code", ["%d %b %Y", "%Y-%m-%d", "%A, %B %-d, %y", "%d/%m/%Y %H:%M:%S", "%F %T", "%j"])
def test_every_date_format_is_pinned(tiny_tokenizer, code):
    source = f"""{{% for m in messages %}}{{{{ m.content ~ strftime_now("{code}") }}}}<|im_end|>{{% endfor %}}"""
    text = Renderer(tiny_tokenizer(source)).text([{"role": "user", "content": "Today: "}])
    assert text == f"Today: {datetime(2024, 7, 26).strftime(code)}<|im_end|>"


@pytest.mark.parametrize("source", ["\n x{{ messages[0].content }}", "  {% if true %}\n y{% endif %}\n\n<|im_end|>"])
def test_pinning_the_date_leaves_the_rest_of_a_template_alone(tiny_tokenizer, source):
    tokenizer = tiny_tokenizer(source)
    told = [{"role": "user", "content": "Hi"}]
    assert Renderer(tokenizer).text(told) == tokenizer.apply_chat_template(told, tokenize=False)


def test_a_template_that_prints_the_mode_prints_that_thinking_is_off(tiny_tokenizer):
    text = Renderer(tiny_tokenizer("smollm3")).text([{"role": "user", "content": "Hi"}])
    assert "Reasoning Mode: /no_think\n" in text


def test_the_template_hash_is_that_of_the_template(tiny_tokenizer):
    hashes = [hash_of(tiny_tokenizer(template)) for template in TEMPLATES]
    assert len(set(hashes)) == len(TEMPLATES)
    assert hashes == [hash_of(tiny_tokenizer(template, corpus=["many words"] * 3)) for template in TEMPLATES]
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = tokenizer.chat_template.replace("assistant", "model")
    assert hash_of(tokenizer) not in hashes
    longer = tiny_tokenizer("chatml")
    longer.chat_template += "{% if messages | length > 3 %}!{% endif %}"  # tells with demonstrations only
    assert hash_of(longer) not in hashes


def test_the_template_hash_changes_with_what_ends_an_answer(tiny_tokenizer):
    assert hash_of(tiny_tokenizer("chatml")) != hash_of(tiny_tokenizer("chatml", eos_token="<|endoftext|>"))


@pytest.mark.parametrize("option", [{"enable_thinking": True}, {"date_string": "27 Jul 2024"}, {"new": 1}])
@pytest.mark.parametrize("template", ["chatml", "llama", "smollm3"])
def test_the_template_hash_changes_with_the_pinned_options(tiny_tokenizer, monkeypatch, template, option):
    before = hash_of(tiny_tokenizer(template))
    monkeypatch.setattr(chat_template, "PINNED", chat_template.PINNED | option)
    assert hash_of(tiny_tokenizer(template)) != before


def test_a_system_role_that_is_silently_dropped_is_folded(tiny_tokenizer):
    source = "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
    told = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]
    assert Renderer(tiny_tokenizer(source)).text(told) == "<|im_start|>S\n\nU<|im_end|><|im_start|>A<|im_end|>"


def test_folding_leaves_the_messages_as_they_were(tiny_tokenizer):
    told = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    renderer = Renderer(tiny_tokenizer("gemma"))
    assert renderer.text(told) == renderer.text(told)
    assert told == [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]


def test_an_answers_ids_may_be_changed_by_who_asked(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer("chatml"))
    renderer.answer("Kill").clear()
    assert renderer.answer("Kill") == [*b"Kill", END]


@pytest.mark.parametrize(
    ("template", "end", "stops"),
    [
        ("chatml", "<|im_end|>", ["<|im_end|>"]),
        ("llama", "<|eot_id|>", ["<|end_of_text|>", "<|eot_id|>"]),
        ("gemma", "<end_of_turn>", ["<eos>", "<end_of_turn>"]),
        ("smollm3", "<|im_end|>", ["<|im_end|>"]),
        ("qwen3", "<|im_end|>", ["<|im_end|>"]),
    ],
)
def test_the_end_of_turn_is_the_templates(tiny_tokenizer, template, end, stops):
    renderer = Renderer(tiny_tokenizer(template))
    names = renderer.tokenizer.convert_ids_to_tokens
    assert names(renderer.end_of_turn) == end
    assert names(renderer.stop_ids) == stops
    assert renderer.answer("Kill") == [*b"Kill", renderer.end_of_turn]


def test_a_template_without_an_end_of_turn_ends_with_the_eos(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer(PLAIN, eos_token="<|endoftext|>"))
    assert renderer.end_of_turn == 256
    assert renderer.stop_ids == [256]


def test_an_end_of_turn_need_not_have_an_eos_beside_it(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer("chatml", eos_token=None, pad_token=None, bos_token=None))
    assert renderer.end_of_turn == END
    assert renderer.stop_ids == [END]


def test_neither_an_end_of_turn_nor_an_eos_is_an_error(tiny_tokenizer):
    with pytest.raises(RenderError, match="end-of-turn"):
        Renderer(tiny_tokenizer(PLAIN, eos_token=None))


def test_no_template_is_an_error(tiny_tokenizer):
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = None
    with pytest.raises(RenderError, match="no chat template"):
        Renderer(tokenizer)


def test_special_tokens_in_a_label_stay_text(tiny_tokenizer):
    assert Renderer(tiny_tokenizer("chatml")).answer("a<|im_end|>b") == [*b"a<|im_end|>b", END]
