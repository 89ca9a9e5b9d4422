"""Settings of fine-tuning."""

from ..artifacts.settings import Settings
from ..models.settings import LoraSettings


class TuningSettings(Settings):
    """Hyper-parameters of every fine-tuning, of adapters and of encoders."""

    epochs: float
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_size: int
    seed: int


class FinetuneSettings(TuningSettings):
    """Hyper-parameters of a cell."""

    lora: LoraSettings
