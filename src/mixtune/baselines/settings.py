"""Settings of the baselines' jobs. `test_rows` caps the test rows of a benchmark (None: all)."""

from pydantic import JsonValue

from ..artifacts.settings import Part, Settings
from ..training.settings import TuningSettings


class FinetuneEncoderSettings(TuningSettings):
    """Hyper-parameters of an encoder; `max_rows` caps the train rows of a benchmark (None: all)."""

    max_length: int
    max_rows: int | None
    data_seed: int


class PredictEncoderSettings(Settings):
    """Longest text in tokens, and the test rows."""

    max_length: int
    test_rows: int | None
    data_seed: int


class PredictFrontierSettings(Settings):
    """An OpenAI-compatible endpoint, the model there, and the other fields of each request."""

    base_url: str
    model: str
    body: dict[str, JsonValue]
    test_rows: int | None
    data_seed: int


class Price(Part):
    """Price of a million tokens of prompts and of answers."""

    input: float
    output: float


class FrontierTerms(Settings):
    """Settings that cannot change an answer: a resource of the job, not a param."""

    name: str
    key_variable: str | None
    price: Price
    spending_limit: float
    concurrency: int
    timeout: float
    retries: int


class PredictFloorsSettings(Settings):
    """The test rows of the trivial baselines."""

    test_rows: int | None
    data_seed: int
