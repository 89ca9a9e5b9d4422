"""A tokenizer with its chat template: conversation -> text -> token ids, equal in training and in prediction."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from ..artifacts.manifests import canonical, digest, read_json
from ..errors import DISK, UserError
from .messages import Messages
from .probes import Probe, ProbeError, examine, find_missing_turn, probe_conversation

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
_WORD = re.compile(r"\w+")


class RenderError(UserError, ValueError):
    """A conversation that cannot be rendered; the message names the config key to change."""


def _alternatives(names: Iterable[str], *, any_case: bool = False) -> re.Pattern[str]:
    """Return a pattern for any of these strings, the longest first; white space is none of them."""
    pattern = "|".join(map(re.escape, sorted(filter(str.strip, names), key=len, reverse=True)))
    return re.compile(pattern or "(?!)", re.IGNORECASE if any_case else 0)


class Renderer:
    """A tokenizer with its chat template, called in one way for training and for prediction.

    Attributes:
        end_of_turn: Id of the token that ends the assistant's turn.
        stop_ids: Ids at which an answer ends: of the end of turn, of the tokenizer's eos, and `further_stops`.
        context: The model's context in tokens, or None where it is unknown.
        opened_thought: Text with which every prompt opens a thought, since no option switches it off; "" for none.
        template_hash: Changes when the template, or anything pinned in it, would render differently.

    Raises:
        RenderError: There is no template; or it leaves out, changes or reorders contents, opens no turn for the
            answer, or ends none.
    """

    def __init__(self, tokenizer: Any, context: int | None = None, further_stops: Sequence[int] = ()):
        self.tokenizer, self.context = tokenizer, context
        self._name = tokenizer.name_or_path or "the tokenizer"
        self._pinned_template = _CLOCK + self._source()
        added = {id: token for id, token in tokenizer.added_tokens_decoder.items() if str(token).strip()}
        special = {str(token) for token in added.values() if token.special}.union(tokenizer.all_special_tokens)
        self._control, self._fold = _alternatives(special), False
        probed = self._probe()
        self.opened_thought = probed.opened_thought
        # Many tokenizers join a blank with the word after it, so a blank before the answer belongs to its label.
        self._completion = probed.missing.rstrip(" ")
        blank = probed.missing[len(self._completion) :]
        turns = self._folded([{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}])
        opened = self._template(turns, opened=True) + self._completion
        closed = self._template([*turns, {"role": "assistant", "content": _LABEL}])
        # Some templates end a turn only where another follows.
        after = closed.rpartition(_LABEL)[2] or probed.after_demonstration
        known = {*added, *tokenizer.all_special_ids} - {tokenizer.unk_token_id}
        end = next((id for id in tokenizer.encode(after, add_special_tokens=False) if id in known), None)
        if end is None and tokenizer.eos_token_id is None:
            raise self._error("ends no turn with a token, and the tokenizer has no end-of-turn token (eos)")
        self.end_of_turn: int = tokenizer.eos_token_id if end is None else end
        end_token = tokenizer.convert_ids_to_tokens(self.end_of_turn)
        ends: list[int] = sorted({self.end_of_turn, tokenizer.eos_token_id} - {None})
        self.stop_ids = list(dict.fromkeys([*ends, *further_stops]))
        ids = [*self.encode([opened])[0], *tokenizer.encode(_LABEL, add_special_tokens=False)]
        writes_blank = tokenizer.decode(ids).endswith(blank + _LABEL)  # SentencePiece does, before a word
        self._around = ("" if writes_blank else blank, after[: max(0, after.find(end_token))])
        # An added token that the template writes has a meaning there, flagged as special or not, unless it is a word.
        unflagged = {name for name in map(str, added.values()) if name in probed.written and not _WORD.fullmatch(name)}
        control = special | unflagged | {end_token}
        self._control = _alternatives(control, any_case=any(map(self._ignores_case, control)))
        hashed = [tokenizer.chat_template, PINNED, opened + _LABEL, closed, ends]
        self.template_hash = digest(canonical([*hashed, *([self._around] if any(self._around) else [])]))
        self._answer_ids = lru_cache(maxsize=65536)(self._encode_answer)

    @property
    def thought_warning(self) -> str:
        """The consequence of the opened thought, in a sentence, or ""."""
        return self.opened_thought and (
            f"the chat template opens a thought ({self.opened_thought!r}) that enable_thinking does not switch off: "
            "an untuned model thinks instead of answering, and the first line of its thought is scored as its answer; "
            "an adapter is trained with the label right after the opened thought, equal in training and prediction"
        )

    def text(self, conversation: Messages) -> str:
        """Return the prompt's text, up to the start of the assistant's label.

        Raises:
            RenderError: The template changes a content, e.g. because a text has a word that switches thinking.
        """
        turns = self._folded(conversation)
        text = self._template(turns, opened=True) + self._completion
        if turn := find_missing_turn(text, turns):
            raise self._error(f"leaves out or changes content of the {turn['role']}'s turn, {turn['content'][:80]!r}")
        return text

    def chat_template_arguments(
        self, conversation: Messages
    ) -> tuple[Messages, dict[str, str | bool], tuple[str, str]]:
        """Return arguments of the tokenizer's `apply_chat_template` that reproduce this prompt without this class.

        Returns:
            The turns; further options to `add_generation_prompt=True`; and the texts to put before and after the
            tokenizer's template in the option `chat_template`, both "" where the template needs no change.
        """
        template, turns, text = self.tokenizer.get_chat_template(), self._folded(conversation), self.text(conversation)
        options = {name: value for name, value in PINNED.items() if name in template}
        arguments = {"tokenize": False, "add_generation_prompt": True, **options}
        end = f"{{{{- {json.dumps(self._completion)} }}}}" if self._completion else ""
        for clock in ("", _clock(code for code in _CODES if f"%{code}" in template)):
            changed = clock + template + end
            if self.tokenizer.apply_chat_template(turns, chat_template=changed, **arguments) == text:
                return turns, options, (clock, end)
        return turns, options, (_CLOCK, end)

    def answer(self, label: str) -> list[int]:
        """Return the ids of a label and the end of turn, which the model must generate after a prompt."""
        return list(self._answer_ids(label))

    def read(self, answer: Sequence[int]) -> str:
        """Return the text of generated ids up to the first stop id, as prediction decodes it."""
        end = next((index for index, id in enumerate(answer) if id in self.stop_ids), len(answer))
        return self.tokenizer.decode(list(answer[:end]), skip_special_tokens=True)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of rendered texts. The template has added every special token, so none is added here."""
        return self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]

    def plain(self, text: str) -> str:
        """Return a text with the control tokens that it spells broken up, as prompts contain it."""
        # A data set's text that spells a control token must not end a turn: a blank makes it plain text.
        return self._control.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)

    def _encode_answer(self, label: str) -> tuple[int, ...]:
        before, after = self._around
        ids = self.tokenizer.encode(before + label + after, add_special_tokens=False, split_special_tokens=True)
        return (*ids, self.end_of_turn)

    def _ignores_case(self, token: str) -> bool:
        """Whether the tokenizer normalises a control token's other case to it, e.g. where it lower-cases all text."""
        id, other = self.tokenizer.convert_tokens_to_ids(token), token.swapcase()
        if other == token or id == self.tokenizer.unk_token_id:
            return False
        return id in self.tokenizer.encode(other, add_special_tokens=False)

    def _source(self) -> str:
        """Return the tokenizer's chat template."""
        templates = self.tokenizer.chat_template
        if not templates:
            raise RenderError(f"models: {self._name} has no chat template; use an instruction-tuned model")
        if isinstance(templates, dict) and "default" not in templates:
            raise RenderError(
                f"models: {self._name} has the chat templates {', '.join(templates)}, and none is named default; save "
                "the one for plain conversations as chat_template.jinja in a folder of your own (origin: path)"
            )
        return self.tokenizer.get_chat_template()

    def _probe(self) -> Probe:
        """Return the texts that the template writes around contents; choose the place of the system prompt."""
        try:
            return self._examine()
        except RenderError:  # some templates refuse a system role (Gemma's), or drop it
            self._fold = True
            return self._examine()

    def _examine(self) -> Probe:
        try:
            without, shown = (examine(self._folded(probe_conversation(shots)), self._template) for shots in (0, 2))
        except ProbeError as error:
            raise self._error(str(error)) from None
        if without.missing != shown.missing:
            raise self._error("opens the answer's turn in another way after demonstrations")
        return shown

    def _folded(self, conversation: Messages) -> Messages:
        """Return the turns with control tokens in texts broken up, and the system prompt in the first user's turn."""
        conversation = [{**turn, "content": self.plain(turn["content"])} for turn in conversation]
        if not self._fold or conversation[0]["role"] != "system":
            return conversation
        first = conversation[1]
        content = f"{conversation[0]['content']}\n\n{first['content']}"
        return [{**first, "content": content}, *conversation[2:]]

    def _template(self, turns: Messages, opened: bool = False) -> str:
        """Return what the template makes of turns, with a turn opened for an answer or not."""
        options = {"add_generation_prompt": opened, "tokenize": False, **PINNED}
        try:
            return self.tokenizer.apply_chat_template(turns, chat_template=self._pinned_template, **options)
        except Exception as error:  # a template is a program: it can raise anything
            raise self._error(f"cannot be rendered ({' '.join(str(error).split())[:200]})") from error

    def _error(self, problem: str) -> RenderError:
        return RenderError(
            f"models: the chat template of {self._name} {problem}; use another model, or correct the template in a "
            "folder of your own (origin: path)"
        )


class _Model(TypedDict):
    """The entry of a base model's manifest that is used here."""

    folder: str


def load_renderer(manifest: Path) -> Renderer:
    """Return the renderer of a fetched base model."""
    return folder_renderer(read_json(manifest, _Model)["folder"])


def _generation_stops(folder: Path, rows: int | None) -> list[int]:
    """Return the `eos_token_id` of generation_config.json, one id or several; without those that no row can give."""
    path = folder / "generation_config.json"
    entry = read_json(path, dict).get("eos_token_id") if path.is_file() else None
    ids = entry if isinstance(entry, list) else [entry]
    return [id for id in ids if type(id) is int and 0 <= id < (rows or id + 1)]


def folder_renderer(folder: str | Path) -> Renderer:
    """Return the renderer of a base model's folder; only its tokenizer and its config are loaded.

    Raises:
        RenderError: They cannot be loaded, lack a usable chat template, or prompts have tokens that the model lacks.
    """
    from transformers import AutoConfig, AutoTokenizer  # here, since programs choose first whether it may load torch

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(str(folder), **options)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
        text_config = config.get_text_config()
        rows = getattr(text_config, "vocab_size", None)
        context = getattr(text_config, "max_position_embeddings", None)
        renderer = Renderer(tokenizer, context, _generation_stops(Path(folder), rows))
    except RenderError:
        raise
    except Exception as error:  # the tokenizers library raises plain ones
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise RenderError(
            f"models: config.json, tokenizer or chat template in {folder} cannot be loaded "
            f"({' '.join(str(error).split())[:200]}); copy them again, or use another model"
        ) from error
    [ids] = renderer.encode([renderer.text(probe_conversation(2)[:-1])])
    last = max(*ids, *renderer.stop_ids)
    if rows is not None and last >= rows:
        raise RenderError(
            f"models: {folder}: token {tokenizer.convert_ids_to_tokens(last)!r} of its prompts has the id {last}, and "
            f"the model has embeddings for {rows} tokens; use the tokenizer that was published with the model"
        )
    return renderer
