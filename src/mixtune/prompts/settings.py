"""Settings of the jobs that render prompts."""

from pydantic import Field

from ..artifacts.settings import Settings


class RenderTrainingSettings(Settings):
    """Training rows: prompt, longest sequence in tokens, number of rows for the validation loss."""

    shots: int
    condition: str
    max_length: int
    validation_rows: int
    data_seed: int


class RenderPromptsSettings(Settings):
    """Prompts of test rows: longest prompt in tokens, cap on the rows per benchmark (None: all).

    Attributes:
        zero_shot: Benchmarks whose prompts have no demonstrations in spite of `shots`.
    """

    shots: int
    zero_shot: list[str] = Field(default_factory=list)
    max_length: int
    test_rows: int | None
    data_seed: int
