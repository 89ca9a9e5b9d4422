"""Tokenizers that do not fit their model."""

import pytest

from mixtune.errors import UserError
from mixtune.models.checkpoint_files import read_tensors
from mixtune.models.tokenizer_files import check_template, check_tokenizer
from tests.fixtures.checkpoints import ROWS, write_checkpoint, write_tokenizer

BEYOND = {"id": ROWS, "content": "<image>", "special": True}


def check(folder):
    check_tokenizer(folder, read_tensors(folder))


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(tmp_path):
    check(write_checkpoint(tmp_path))
    write_tokenizer(tmp_path, words=ROWS + 1)
    with pytest.raises(
        UserError, match=rf"token 'w{ROWS}' with id {ROWS}, and model.embed_tokens.weight only {ROWS} r"
    ):
        check(tmp_path)


def test_an_added_token_without_a_row_is_refused_where_it_can_be_written(tmp_path):
    write_checkpoint(tmp_path)
    write_tokenizer(tmp_path, added=(BEYOND,))
    check(tmp_path)  # as in the text models of Gemma 3
    for case in (
        {"added": (BEYOND | {"special": False},)},
        {"added": (BEYOND,), "chat_template": "{{ messages }}<image>"},
        {"added": (BEYOND,), "chat_template": [{"name": "default", "template": "<image>"}]},
        {"added": (BEYOND,), "pad_token": "<image>"},
        {"added": (BEYOND,), "eos_token": {"content": "<image>"}},
        {"added_tokens_decoder": {str(ROWS): {"content": "<image>"}}},
    ):
        write_tokenizer(tmp_path, **case)
        with pytest.raises(UserError, match="token '<image>' with id"):
            check(tmp_path)
    write_tokenizer(tmp_path, added=(BEYOND,))
    (tmp_path / "chat_template.jinja").write_text("<image>")
    with pytest.raises(UserError, match="token '<image>' with id"):
        check(tmp_path)


def test_a_unigram_vocabulary_is_a_list(tmp_path):
    write_checkpoint(tmp_path)
    for words in (ROWS, ROWS + 1):
        pairs = ", ".join(f'["w{id}", -1.0]' for id in range(words))
        (tmp_path / "tokenizer.json").write_text(f'{{"model": {{"type": "Unigram", "vocab": [{pairs}]}}}}')
        if words == ROWS:
            check(tmp_path)
        else:
            with pytest.raises(UserError, match=f"token 'w{ROWS}' with id {ROWS}"):
                check(tmp_path)


@pytest.mark.parametrize("names", [[], ["tokenizer.model"], ["vocab.json"], ["tokenizer_config.json"]], ids=str)
def test_a_missing_tokenizer_is_named(tmp_path, names):
    write_checkpoint(tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=r"has no tokenizer\.json; add the tokenizer"):
        check(tmp_path)


def test_a_vocabulary_without_tokenizer_json_is_read(tmp_path):
    (write_checkpoint(tmp_path) / "tokenizer.json").unlink()
    (tmp_path / "merges.txt").touch()
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    check(tmp_path)
    (tmp_path / "vocab.json").write_text('{"a": 99}')
    with pytest.raises(UserError, match="token 'a' with id 99"):
        check(tmp_path)
    (tmp_path / "vocab.json").unlink()
    (tmp_path / "vocab.txt").write_text("a\n" * 17)
    with pytest.raises(UserError, match="token 'a' with id 16"):
        check(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"model": 7}', '{"model": {"vocab": 7}}', '{"model": {"vocab": {"a": "b"}}}']
)
def test_a_broken_tokenizer_is_named(tmp_path, content):
    (write_checkpoint(tmp_path) / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        check(tmp_path)


def test_a_missing_chat_template_is_named(tmp_path):
    check_template(write_checkpoint(tmp_path))
    write_tokenizer(tmp_path, chat_template=None)
    with pytest.raises(UserError, match=r"no chat template \(chat_template\.jinja\); use an instruction-tuned model"):
        check_template(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    check_template(tmp_path)
