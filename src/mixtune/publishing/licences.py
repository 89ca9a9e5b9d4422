"""Licences of base models, which also apply to adapters fine-tuned on them."""

from dataclasses import dataclass

from ..artifacts.hub_card import StatedLicence

_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Licence:
    """A licence, in the terms of the hub's model cards.

    Attributes:
        id: The hub's identifier; "other" if the hub has none or the licence is unknown.
        name: Name of a licence whose identifier is "other"; "" if unknown.
        link: URL of its text; "" if unknown.
    """

    id: str
    name: str = ""
    link: str = ""

    @property
    def unknown(self) -> bool:
        """Whether the licence is unknown."""
        return self.id == "other" and not self.name

    @property
    def label(self) -> str:
        """Its name, else its identifier; "unknown" if it has neither."""
        return "unknown" if self.unknown else self.name or self.id

    @property
    def llama(self) -> str:
        """The model family of a Llama licence, e.g. "Llama 3.2"; "" for any other licence.

        >>> Licence("llama3.2").llama
        'Llama 3.2'
        """
        return self.id.replace("llama", "Llama ") if self.id in ("llama3.1", "llama3.2", "llama3.3", "llama4") else ""

    @property
    def notice(self) -> str:
        """The sentence that a Llama licence requires in a file NOTICE; "" for any other licence."""
        family = self.llama
        return family and (
            f"{family} is licensed under the {family} Community License, Copyright © Meta Platforms, Inc. "
            "All Rights Reserved."
        )

    def terms(self, base: str) -> str:
        """Return the licence sentence of an adapter whose base model is under this licence."""
        link = f" ({self.link})" if self.link else ""
        return f"This adapter is derived from {base} and is under the licence of that model: {self.label}{link}."


_APACHE = Licence("apache-2.0")
# From their model cards on the hub. Sizes of a family may differ: Qwen2.5 3B is not for commercial use.
KNOWN = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": _APACHE,
    "HuggingFaceTB/SmolLM2-360M-Instruct": _APACHE,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": _APACHE,
    "HuggingFaceTB/SmolLM3-3B": _APACHE,
    "Qwen/Qwen2.5-0.5B-Instruct": _APACHE,
    "Qwen/Qwen2.5-1.5B-Instruct": _APACHE,
    "Qwen/Qwen2.5-3B-Instruct": Licence("other", "qwen-research", f"{_HUB}/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE"),
    "Qwen/Qwen2.5-7B-Instruct": _APACHE,
    "meta-llama/Llama-3.2-1B-Instruct": Licence("llama3.2"),
    "meta-llama/Llama-3.2-3B-Instruct": Licence("llama3.2"),
}


def resolve_licence(name: str, configured: Licence | None, stated: StatedLicence | None) -> tuple[Licence, list[str]]:
    """Return the licence of a base model: that of the config, else of its model card, else by its hub id.

    Args:
        name: The model's name on the hub.
        configured: `models.NAME.licence`.
        stated: As its model card states it.

    Returns:
        The licence, and a clause for each of these sources that has another one.

    >>> resolve_licence("a/b", Licence("mit"), {"id": "other", "name": "mine", "link": ""})[1]
    ['its model card: mine']
    """
    sources = {
        "the config": configured,
        "its model card": Licence(**stated) if stated else None,
        "mixtune's list": KNOWN.get(name),
    }
    found = [(source, licence) for source, licence in sources.items() if licence]
    if not found:
        return Licence("other"), []
    chosen = found[0][1]
    return chosen, [f"{source}: {other.label}" for source, other in found[1:] if other.label != chosen.label]
