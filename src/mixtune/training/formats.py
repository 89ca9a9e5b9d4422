"""Formats of the run cards of fine-tuning."""

from ..artifacts.run_cards import MeasuredCard


class FinetuneCard(MeasuredCard):
    """run_card.json of a fine-tuned adapter, as far as others read it."""

    base_model: str
    base_model_commit: str | None
    trainable_parameters: int
    steps: int
    examples: int
    train_loss: float | None
    validation_loss: float | None
