"""Chat templates: pinned dates, folded system roles, the end of turn, the hash, and texts that imitate templates."""

import json
import re
from datetime import datetime

import pytest
from tokenizers import AddedToken, normalizers

from mixtune.artifacts.manifests import read_json, write_json
from mixtune.prompts import chat_template
from mixtune.prompts.chat_template import Renderer, RenderError, folder_renderer

END = 258  # <|im_end|>
TEMPLATES = ["chatml", "llama", "gemma", "smollm3", "qwen3"]
PLAIN = """\
{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"""
CONTENTS = "{% for m in messages %}{{ m.content }}{% endfor %}"


def hash_of(tokenizer) -> str:
    return Renderer(tokenizer).template_hash


def test_a_date_that_a_template_reads_by_name_is_pinned(tiny_tokenizer):
    source = f"{{{{ date_string if date_string is defined else 'some day' }}}}{CONTENTS}<|im_end|>"
    assert Renderer(tiny_tokenizer(source)).text([{"role": "user", "content": " Hi"}]) == "26 Jul 2024 Hi<|im_end|>"


@pytest.mark.parametrize("code", ["%d %b %Y", "%Y-%m-%d", "%A, %B %-d, %y", "%d/%m/%Y %H:%M:%S", "%F %T", "%j"])
def test_every_date_format_is_pinned(tiny_tokenizer, code):
    source = f"""{{% for m in messages %}}{{{{ m.content ~ strftime_now("{code}") }}}}<|im_end|>{{% endfor %}}"""
    text = Renderer(tiny_tokenizer(source)).text([{"role": "user", "content": "Today: "}])
    assert text == f"Today: {datetime(2024, 7, 26).strftime(code)}<|im_end|>"


@pytest.mark.parametrize("source", [f"\n x{CONTENTS}", f"  {{% if true %}}\n y{{% endif %}}\n\n{CONTENTS}<|im_end|>"])
def test_pinning_the_date_leaves_the_rest_of_a_template_alone(tiny_tokenizer, source):
    tokenizer = tiny_tokenizer(source)
    conversation = [{"role": "user", "content": "Hi"}]
    assert Renderer(tokenizer).text(conversation) == tokenizer.apply_chat_template(conversation, tokenize=False)


def test_a_template_that_prints_the_mode_prints_that_thinking_is_off(tiny_tokenizer):
    text = Renderer(tiny_tokenizer("smollm3")).text([{"role": "user", "content": "Hi"}])
    assert "Reasoning Mode: /no_think\n" in text


def test_the_template_hash_is_that_of_the_template(tiny_tokenizer):
    hashes = [hash_of(tiny_tokenizer(template)) for template in TEMPLATES]
    assert len(set(hashes)) == len(TEMPLATES)
    assert hashes == [hash_of(tiny_tokenizer(template, corpus=["many words"] * 3)) for template in TEMPLATES]
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = tokenizer.chat_template.replace("'<|im_start|>' + ", "'<|im_start|>as ' + ").replace(
        "start|>assist", "start|>as assist"
    )
    assert hash_of(tokenizer) not in hashes
    longer = tiny_tokenizer("chatml")
    longer.chat_template += "{% if messages | length > 3 %}!{% endif %}"  # shows with demonstrations only
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
    source += "{% if add_generation_prompt %}<|im_start|>{% endif %}"
    conversation = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": "A"},
    ]
    assert (
        Renderer(tiny_tokenizer(source)).text(conversation)
        == "<|im_start|>S\n\nU<|im_end|><|im_start|>A<|im_end|><|im_start|>"
    )


def test_folding_leaves_the_messages_as_they_were(tiny_tokenizer):
    conversation = [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]
    renderer = Renderer(tiny_tokenizer("gemma"))
    assert renderer.text(conversation) == renderer.text(conversation)
    assert conversation == [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]


def test_an_answers_ids_may_be_changed_by_the_caller(tiny_tokenizer):
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


def test_an_end_of_turn_needs_no_eos_next_to_it(tiny_tokenizer):
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


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
OPENED = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
QUERY = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


def changed(before: str, after: str) -> str:
    assert before in CHATML
    return CHATML.replace(before, after) + OPENED


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (CHATML, "opens no turn for the answer: it ignores add_generation_prompt"),
        (CHATML + "{% if add_generation_prompt %}<|im_start|>user\n{% endif %}", "opens a turn for the answer with"),
        (changed("in messages", "in messages if m.role != 'assistant'"), "content of the assistant's turn"),
        (changed("in messages", "in messages | reverse"), "content of the .*'s turn"),
        (changed("in messages", "in messages[:2]"), "content of the .*'s turn"),
        (changed("{{ m.content", "{{ m.content | lower"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content | title"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content | escape"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content | truncate(2000)"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content.split('\\n')[0]"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content[0].text"), "content of the user's turn"),
        (changed("{{ m.content", "{{ m.content[0].text + ''"), "cannot be rendered"),
        (changed("in messages", "in ([] if messages[-1].role == 'user' else messages[:1]) + messages"), "differently"),
        ("{% for tool in tools %}{% endfor %}" + CHATML + OPENED, "cannot be rendered"),
        ("{% if messages | length > 3 %}{{ raise_exception('too many') }}{% endif %}" + CHATML + OPENED, "too many"),
        ("{% for m in", "cannot be rendered"),
    ],
)
def test_a_template_that_does_not_render_a_conversation_whole_is_refused(tiny_tokenizer, source, problem):
    with pytest.raises(RenderError, match=rf"^models: the chat template of .*{problem}.*; use another model, or"):
        Renderer(tiny_tokenizer(source))


def test_an_error_names_the_folder(tiny_tokenizer, tmp_path):
    tokenizer = tiny_tokenizer(CHATML)
    tokenizer.name_or_path = str(tmp_path)
    with pytest.raises(RenderError, match=re.escape(f"models: the chat template of {tmp_path} opens no turn")):
        Renderer(tokenizer)


def test_white_space_around_contents_may_be_trimmed_and_a_system_prompt_written_later(tiny_tokenizer):
    last = "{% if m.role == 'user' and loop.index0 + 3 > messages | length %}{{ messages[0].content }}\n\n{% endif %}"
    source = changed("{{ m.content", "{{ m.content | trim").replace("\n{{", f"\n{last}{{{{")
    source = source.replace("{% for m in messages %}", "{% for m in messages %}{% if m.role != 'system' %}").replace(
        "{% endfor %}", "{% endif %}{% endfor %}"
    )
    text = Renderer(tiny_tokenizer(source)).text(QUERY)
    assert text == "<|im_start|>user\nBe brief.\n\nWhy?<|im_end|>\n<|im_start|>assistant\n"


def test_a_system_prompt_that_is_changed_is_folded(tiny_tokenizer):
    source = changed("{{ m.content", "{{ m.content | upper if m.role == 'system' else m.content")
    assert "Be brief.\n\nWhy?" in Renderer(tiny_tokenizer(source)).text(QUERY)


def test_a_text_that_a_template_changes_is_an_error(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer(changed("{{ m.content", "{{ m.content.replace('/think', '')")))
    assert renderer.text(QUERY)
    with pytest.raises(RenderError, match="leaves out or changes content of the user's turn, 'Why /think'"):
        renderer.text([QUERY[0], {"role": "user", "content": "Why /think"}])


def test_of_several_templates_the_default_is_used(tiny_tokenizer):
    tokenizer = tiny_tokenizer("chatml")
    tokenizer.chat_template = {"default": CHATML + OPENED, "tool_use": "no"}
    assert Renderer(tokenizer).text(QUERY).endswith("<|im_start|>assistant\n")
    tokenizer.chat_template = {"rag": CHATML, "tool_use": CHATML}
    with pytest.raises(RenderError, match="chat templates rag, tool_use, and none is named default; save"):
        Renderer(tokenizer)


@pytest.mark.parametrize(
    ("history", "opened", "whole"),
    [
        ("<think></think>", "", "<think></think>"),  # Kimi's: no switch, and an empty thought in the history
        ("<think>\n\n</think>\n", "<think>\n", "<think>\n\n</think>\n"),  # Step's
        ("<|channel|>final<|message|>", "", "<|channel|>final<|message|>"),  # harmony
        ("\n", "", "\n"),
    ],
)
def test_an_opened_turn_is_completed_as_the_template_writes_it_before_answers(tiny_tokenizer, history, opened, whole):
    source = changed("{{ m.content", "{{ " + repr(history) + " if m.role == 'assistant' }}{{ m.content")
    renderer = Renderer(tiny_tokenizer(source.replace("assistant\n{% endif %}", f"assistant\n{opened}{{% endif %}}")))
    text = renderer.text(QUERY)
    assert text.endswith(f"<|im_start|>assistant\n{whole}")
    assert renderer.opened_thought == ""
    turns, options, (before, after) = renderer.chat_template_arguments(QUERY)
    template = before + renderer.tokenizer.chat_template + after
    arguments = {"chat_template": template, "tokenize": False, "add_generation_prompt": True, **options}
    assert renderer.tokenizer.apply_chat_template(turns, **arguments) == text


def test_a_blank_before_an_answer_belongs_to_the_label(tiny_tokenizer):
    source = "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
    renderer = Renderer(tiny_tokenizer(source + "{% if add_generation_prompt %}assistant:{% endif %}"))
    assert renderer.text(QUERY).endswith("assistant:")
    assert renderer.answer("Kill") == [*b" Kill", END]


def test_a_thought_that_cannot_be_switched_off_is_named(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer(CHATML + OPENED.replace("assistant\n", "assistant\n<think>\n")))
    assert renderer.opened_thought == "<think>"
    assert "opens a thought ('<think>')" in renderer.thought_warning
    assert renderer.text(QUERY).endswith("assistant\n<think>\n")
    for template in TEMPLATES:
        assert Renderer(tiny_tokenizer(template)).thought_warning == ""


# Tokens are what the template makes of them


def unflagged(tiny_tokenizer, *tokens: str, source: str = "", **special):
    """A tokenizer with added tokens of which none is special."""
    tokenizer = tiny_tokenizer(source or CHATML.replace("|im_end|", "|end|") + OPENED, **special)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in tokens])
    return tokenizer


def test_an_end_of_turn_need_not_be_flagged_as_special(tiny_tokenizer):
    tokenizer = unflagged(tiny_tokenizer, "<|end|>", eos_token="<|endoftext|>")
    renderer = Renderer(tokenizer)
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert renderer.end_of_turn == end
    assert renderer.stop_ids == [256, end]
    assert renderer.answer("Kill") == [*b"Kill", end]
    assert renderer.read([*b"Kill", end, *b"?"]) == "Kill"
    text = renderer.text([{"role": "user", "content": "Say <|end|> now"}])
    assert renderer.encode([text])[0].count(end) == 1


def test_added_tokens_that_the_template_writes_are_broken_up_in_texts_and_no_others(tiny_tokenizer):
    source = changed("{{ m.role }}", "<role>, {{ m.role }}").replace("|>assistant", "|><role>, assistant")
    renderer = Renderer(unflagged(tiny_tokenizer, "<role>", "<other>", "assistant", "\n", source=source))
    assert renderer.plain("the assistant's <role>,\n<other>") == "the assistant's < role>,\n<other>"


def test_a_control_token_in_another_case_is_broken_up_where_the_tokenizer_lower_cases(tiny_tokenizer):
    tokenizer = tiny_tokenizer(CHATML.replace("|im_end|", "|end|") + OPENED)
    tokenizer.add_tokens([AddedToken("<|end|>", special=False, normalized=True)])
    assert Renderer(tokenizer).plain("<|END|>") == "<|END|>"
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    renderer = Renderer(tokenizer)
    assert renderer.plain("<|END|>") == "< |END|>"
    [ids] = renderer.encode([renderer.text([{"role": "user", "content": "<|END|>"}])])
    assert ids.count(renderer.end_of_turn) == 1


def test_text_between_label_and_end_of_turn_belongs_to_the_answer(tiny_tokenizer):
    renderer = Renderer(tiny_tokenizer(changed("<|im_end|>", "\n<|im_end|>")))
    assert renderer.answer("Kill") == [*b"Kill\n", END]


def test_a_turn_that_is_ended_only_where_another_follows_ends_with_the_same_token(tiny_tokenizer):
    source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% endfor %}" + OPENED
    renderer = Renderer(tiny_tokenizer(source, eos_token="<|endoftext|>"))
    assert renderer.end_of_turn == 257
    assert renderer.stop_ids == [256, 257]


def test_an_end_of_turn_in_plain_text_is_replaced_by_the_eos(tiny_tokenizer):
    source = changed("<|im_end|>", "</s>")
    renderer = Renderer(tiny_tokenizer(source, eos_token="<|endoftext|>"))
    assert renderer.answer("Kill") == [*b"Kill", 256]
    with pytest.raises(RenderError, match="no end-of-turn token"):
        Renderer(tiny_tokenizer(source, eos_token=None))


def test_a_prompt_with_a_token_that_the_model_lacks_is_refused(tiny_tokenizer, tiny_model, tmp_path):
    tokenizer = unflagged(tiny_tokenizer, "<|end|>")
    assert folder_renderer(tiny_model(tokenizer, tmp_path / "whole").parent).end_of_turn == len(tokenizer) - 1
    folder = tmp_path / "whole"
    config = read_json(folder / "config.json", dict)
    write_json(folder / "config.json", config | {"vocab_size": len(tokenizer) - 1})
    with pytest.raises(RenderError, match=r"token '<\|end\|>' of its prompts has the id 259, .* for 259 tokens"):
        folder_renderer(folder)


def test_a_template_in_a_file_of_its_own_is_read(tiny_tokenizer, tiny_model, tmp_path):
    folder = tiny_model(tiny_tokenizer("chatml"), tmp_path / "model").parent
    (folder / "chat_template.jinja").write_text(CHATML + OPENED.replace("assistant\n", "assistant\n<think>"))
    assert folder_renderer(folder).opened_thought == "<think>"


@pytest.mark.parametrize(
    ("entry", "stops"), [(None, []), (7, [7]), ([258, 7, 9], [7, 9]), ([7, 10_000, True, -1], [7])], ids=str
)
def test_ids_of_the_generation_config_end_an_answer_too(tiny_tokenizer, tiny_model, tmp_path, entry, stops):
    folder = tiny_model(tiny_tokenizer("chatml"), tmp_path / "base").parent
    (folder / "generation_config.json").unlink(missing_ok=True)
    before = folder_renderer(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": entry}))
    renderer = folder_renderer(folder)
    assert renderer.stop_ids == [*before.stop_ids, *stops]
    assert renderer.template_hash == before.template_hash  # or adapters tuned before would be refused
    assert renderer.read([97, 98, *stops, 99]) == ("ab" if stops else "abc")
