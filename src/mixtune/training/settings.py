"""Settings of fine-tuning."""

from ..artifacts.settings import Part, Settings


class TuningSettings(Settings):
    """Hyper-parameters of every fine-tuning, of adapters and of encoders; `warmup` below 1 is a share of all steps."""

    epochs: float
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_size: int
    seed: int

    def steps_per_epoch(self, rows: int) -> int:
        """Return the optimizer steps of one epoch over this many rows; the last batch may be smaller."""
        return -(-rows // self.batch_size)

    def total_steps(self, rows: int) -> int:
        """Return the optimizer steps of a whole run, at least one."""
        return max(1, round(self.steps_per_epoch(rows) * self.epochs))


class LoraSettings(Part):
    """The adapter: rank, alpha (the update is scaled by alpha / r), dropout, and the linear layers it is on."""

    r: int
    alpha: int
    dropout: float
    targets: list[str]


class FinetuneSettings(TuningSettings):
    """Hyper-parameters of a cell."""

    lora: LoraSettings
