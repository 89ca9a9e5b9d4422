"""A tokenizer with its chat template: conversation -> text -> token ids, equal in training and in prediction."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from jinja2 import TemplateError

from ..artifacts.manifests import canonical, digest, read_json
from ..errors import UserError
from .messages import Messages

# Templates that print a date get this one, or results would change with the calendar.
PINNED_DATE = datetime(2024, 7, 26)
PINNED = {"enable_thinking": False, "date_string": PINNED_DATE.strftime("%d %b %Y")}

_CODES = ("-d", "-m", *"aAbBcdDeFHIjmMpRSTUwWxXyYzZ")


def _clock(codes: Iterable[str]) -> str:
    """Return a macro that, put before a template, hides the real clock: templates accept no function as an option."""
    pinned = "".join(f".replace('%{code}', '{PINNED_DATE.strftime(f'%{code}')}')" for code in codes)
    return f"{{%- macro strftime_now(format) %}}{{{{ format{pinned} }}}}{{% endmacro %}}\n"


_CLOCK = _clock(_CODES)

_SYSTEM, _USER, _LABEL = "probe-system", "probe-user", "probe-label"


class RenderError(UserError, ValueError):
    """A conversation that cannot be rendered; the message names the config key to change."""


class Renderer:
    """A tokenizer with its chat template, called in one way for training and for prediction.

    Attributes:
        end_of_turn: Id of the token that ends the assistant's turn.
        stop_ids: Ids at which an answer ends.
        context: The model's context in tokens, or None where it is unknown.
        template_hash: Changes when the template, or anything pinned in it, would render differently.
    """

    def __init__(self, tokenizer: Any, context: int | None = None):
        self.context = context
        if not tokenizer.chat_template:
            raise RenderError("models: the tokenizer has no chat template; use an instruction-tuned model")
        self.tokenizer = tokenizer
        self._pinned_template = _CLOCK + tokenizer.get_chat_template()
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        names = sorted(special.union(tokenizer.all_special_tokens), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, names)) or "(?!)")
        self._fold = False
        probe = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
        try:
            self._fold = _SYSTEM not in self._template(probe, add_generation_prompt=True)
        except TemplateError:  # some templates refuse a system role (Gemma's)
            self._fold = True
        turn = self.text(probe) + _LABEL
        closed = self._template(self._folded([*probe, {"role": "assistant", "content": _LABEL}]))
        after = tokenizer.encode(closed.rpartition(_LABEL)[2], add_special_tokens=False)
        ids = set(tokenizer.convert_tokens_to_ids(names))
        end_of_turn = next((id for id in after if id in ids), tokenizer.eos_token_id)
        if end_of_turn is None:
            raise RenderError("models: the end-of-turn token is missing, in the chat template and in the tokenizer")
        self.end_of_turn: int = end_of_turn
        self.stop_ids: list[int] = sorted({self.end_of_turn, tokenizer.eos_token_id} - {None})
        self.template_hash = digest(canonical([tokenizer.chat_template, PINNED, turn, closed, self.stop_ids]))
        self._answer_ids = lru_cache(maxsize=65536)(self._encode_answer)

    def text(self, conversation: Messages) -> str:
        """Return the prompt's text, up to the start of the assistant's label."""
        return self._template(self._folded(conversation), add_generation_prompt=True)

    def chat_template_arguments(self, conversation: Messages) -> tuple[Messages, dict[str, str | bool], str]:
        """Return arguments of the tokenizer's `apply_chat_template` that reproduce this prompt without this class.

        Returns:
            The turns; further options to `add_generation_prompt=True`; and the text to prepend to the tokenizer's
            template in the option `chat_template`, or "" where the template needs no change.
        """
        template, turns, text = self.tokenizer.get_chat_template(), self._folded(conversation), self.text(conversation)
        options = {name: value for name, value in PINNED.items() if name in template}
        arguments = {"tokenize": False, "add_generation_prompt": True, **options}
        for clock in ("", _clock(code for code in _CODES if f"%{code}" in template)):
            if self.tokenizer.apply_chat_template(turns, chat_template=clock + template, **arguments) == text:
                return turns, options, clock
        return turns, options, _CLOCK

    def answer(self, label: str) -> list[int]:
        """Return the ids of a label and the end of turn, which the model must generate after a prompt."""
        return list(self._answer_ids(label))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of rendered texts. The template has added every special token, so none is added here."""
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]

    def _encode_answer(self, label: str) -> tuple[int, ...]:
        ids = self.tokenizer.encode(label, add_special_tokens=False, split_special_tokens=True)
        return (*ids, self.end_of_turn)

    def _folded(self, conversation: Messages) -> Messages:
        """Return the turns with special tokens in texts broken up, and the system prompt in the first user's turn."""
        # A data set's text that spells a special token must not end a turn: a blank makes it plain text.
        conversation = [
            {**turn, "content": self._special.sub(lambda token: f"{token[0][0]} {token[0][1:]}", turn["content"])}
            for turn in conversation
        ]
        if not self._fold or conversation[0]["role"] != "system":
            return conversation
        first = conversation[1]
        content = f"{conversation[0]['content']}\n\n{first['content']}"
        return [{**first, "content": content}, *conversation[2:]]

    def _template(self, conversation: Messages, **options: bool) -> str:
        return self.tokenizer.apply_chat_template(
            conversation, chat_template=self._pinned_template, tokenize=False, **PINNED, **options
        )


class _Model(TypedDict):
    """The entry of a base model's manifest that is used here."""

    folder: str


def load_renderer(manifest: Path) -> Renderer:
    """Return the renderer of a fetched base model."""
    return folder_renderer(read_json(manifest, _Model)["folder"])


def folder_renderer(folder: str | Path) -> Renderer:
    """Return the renderer of a base model's folder; only its tokenizer and its config are loaded."""
    from transformers import AutoConfig, AutoTokenizer  # here, since programs choose first whether it may load torch

    options = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(str(folder), **options)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
    return Renderer(tokenizer, getattr(config.get_text_config(), "max_position_embeddings", None))
