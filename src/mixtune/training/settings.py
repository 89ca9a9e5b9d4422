"""Settings of fine-tuning."""

from ..artifacts.settings import Part, Settings


class LoraSettings(Part):
    """The adapter: rank, alpha (the update is scaled by alpha / r), dropout, and the linear layers it is on."""

    r: int
    alpha: int
    dropout: float
    targets: list[str]


class FinetuneSettings(Settings):
    """Hyper-parameters of a cell."""

    epochs: float
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_size: int
    lora: LoraSettings
    seed: int
