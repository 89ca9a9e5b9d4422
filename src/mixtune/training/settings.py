"""Settings of fine-tuning."""

from ..artifacts.settings import Settings
from ..models.settings import LoraSettings


class FinetuneSettings(Settings):
    """Hyper-parameters of a cell."""

    epochs: float
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_size: int
    lora: LoraSettings
    seed: int
