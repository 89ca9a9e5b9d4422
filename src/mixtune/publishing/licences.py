"""Licences of base models, which hold for the adapters tuned on them."""

from dataclasses import dataclass
from pathlib import Path

import yaml
from huggingface_hub import metadata_load

_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Licence:
    """A licence as the hub's model cards tell it.

    Attributes:
        id: The hub's identifier; "other" where it has none or the licence is not known.
        name: Its name where the identifier is "other"; "" where it is not known.
        link: Where its text is; "" where that is not known.
    """

    id: str
    name: str = ""
    link: str = ""

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of it."""
        return self.id == "other" and not self.name

    @property
    def llama(self) -> str:
        """The family that a Llama licence is for, as "Llama 3.2"; "" for any other licence."""
        return self.id.replace("llama", "Llama ") if self.id in ("llama3.1", "llama3.2", "llama3.3", "llama4") else ""

    @property
    def notice(self) -> str:
        """The sentence that a Llama licence wants in a file NOTICE; "" for any other licence."""
        family = self.llama
        return family and (
            f"{family} is licensed under the {family} Community License, Copyright © Meta Platforms, Inc. "
            "All Rights Reserved."
        )

    def terms(self, base: str) -> str:
        """A sentence on an adapter that was tuned on a base model under this licence."""
        named = "one that is not known to mixtune" if self.unknown else self.name or self.id
        where = f" ({self.link})" if self.link else ""
        return f"This adapter is derived from {base} and under the licence of that model: {named}{where}."


_APACHE = Licence("apache-2.0")
# As their model cards on the hub say. A family's sizes may differ: Qwen2.5 of 3B is not for commercial use.
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


def licence_of(name: str, folder: Path) -> Licence:
    """The licence of a base model: what the model card in its folder says, else what is known of its hub id.

    Args:
        name: What the model is called on the hub.
        folder: Where it is on this machine; a fetched one has no card there.
    """
    path = folder / "README.md"
    try:
        said = (metadata_load(path) if path.is_file() else None) or {}
    except (ValueError, yaml.YAMLError):  # no card in YAML
        said = {}
    if isinstance(said.get("license"), str):
        return Licence(said["license"], *(str(said.get(key) or "") for key in ("license_name", "license_link")))
    return KNOWN.get(name, Licence("other"))
