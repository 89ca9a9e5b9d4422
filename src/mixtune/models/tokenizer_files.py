"""Checks of a checkpoint's tokenizer: complete, with a chat template, and no larger than the embedding."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError
from .checkpoint_files import Tensor, input_embedding, read_object

TOKENIZER, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
# Files that Transformers makes a tokenizer of without further packages.
_SOURCES = ((TOKENIZER,), ("vocab.json", "merges.txt"), ("vocab.txt",))
_PARTS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def check_tokenizer(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Check that a tokenizer is complete, and that the input embedding has a row for every id.

    Args:
        tensors: Those of the checkpoint, by name.

    Raises:
        UserError: A file is missing or damaged, or a token has no row; special tokens that nothing writes need none
            (e.g. the image token of a text model).
    """
    if not any(all((folder / name).is_file() for name in names) for names in _SOURCES):
        raise UserError(f"{folder} has no {TOKENIZER}; add the tokenizer that the weights were trained with")
    config = _read_config(folder)
    tokens, special = _read_tokens(folder, config)
    embedding = input_embedding(tensors)
    rows = tensors[embedding].shape[0] if embedding else None
    written = _template(folder, config) + " ".join(_text(config.get(part)) for part in _PARTS)
    for token, id in tokens:
        if rows is not None and id >= rows and (token not in special or token in written):
            raise UserError(
                f"the tokenizer has the token {token!r} with id {id}, and {embedding} only {rows} rows; use the "
                "tokenizer that the weights were trained with, or enlarge the embedding and train it"
            )


def check_template(folder: Path) -> None:
    """Check that a tokenizer has a chat template.

    Raises:
        UserError: It has none.
    """
    if not _template(folder, _read_config(folder)):
        raise UserError(f"the tokenizer has no chat template ({TEMPLATE}); use an instruction-tuned model")


def _read_config(folder: Path) -> dict[str, Any]:
    return read_object(folder / CONFIG) if (folder / CONFIG).is_file() else {}


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the text of the chat templates; "" where there are none."""
    paths = [folder / TEMPLATE, *sorted((folder / "additional_chat_templates").glob("*.jinja"))]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    inline = config.get("chat_template") or ""
    return "".join([*texts, *([inline] if isinstance(inline, str) else map(str, inline))])


def _text(token: object) -> str:
    """Return the text of a token in a config, where it may be an object."""
    return str(token.get("content", "") if isinstance(token, Mapping) else token or "")


def _read_tokens(folder: Path, config: Mapping[str, Any]) -> tuple[list[tuple[str, int]], set[str]]:
    """Return all tokens with their ids, and which tokens are special.

    Raises:
        UserError: A file is no tokenizer's.
    """
    added = config.get("added_tokens_decoder") or {}
    try:
        tokens = [(_text(token), int(id)) for id, token in added.items()]
        special = {_text(token) for token in added.values() if token.get("special")}
        if (folder / TOKENIZER).is_file():
            content: dict[str, Any] = read_object(folder / TOKENIZER)
            tokens += _vocabulary(content["model"]["vocab"])
            tokens += [(token["content"], token["id"]) for token in content.get("added_tokens") or []]
            special |= {token["content"] for token in content.get("added_tokens") or [] if token.get("special")}
        elif (folder / "vocab.json").is_file():
            tokens += _vocabulary(read_object(folder / "vocab.json"))
        else:
            lines = (folder / "vocab.txt").read_text(encoding="utf-8", errors="replace").splitlines()
            tokens += [(line, id) for id, line in enumerate(lines)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{folder}: {TOKENIZER} or {CONFIG} is no tokenizer's ({type(error).__name__}: {error}); add the tokenizer "
            "that the weights were trained with"
        ) from None
    return tokens, special


def _vocabulary(vocabulary: Any) -> Iterator[tuple[str, int]]:
    """Yield the tokens of a tokenizer.json: ids by token, or pairs of token and score in the order of ids."""
    if isinstance(vocabulary, dict):
        yield from ((token, int(id)) for token, id in vocabulary.items())
    else:
        yield from ((token, id) for id, (token, _) in enumerate(vocabulary))
