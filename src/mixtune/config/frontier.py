"""Section `frontier`: language models behind OpenAI-compatible endpoints."""

from typing import Annotated

from pydantic import Field, JsonValue, field_validator

from .section import Section

Amount = Annotated[float, Field(ge=0)]
FIXED = ("model", "messages", "n", "stream")  # request fields that no config may change
LIMITS = ("max_completion_tokens", "max_tokens")


class Price(Section):
    """Price of tokens, in the currency of the spending limit."""

    input: Amount = Field(description="Per million prompt tokens.")
    output: Amount = Field(description="Per million generated tokens.")


class Frontier(Section):
    """A language model behind an OpenAI-compatible endpoint."""

    base_url: str = Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$",
        description="The endpoint's URL, without /chat/completions.",
    )
    model: str = Field(min_length=1, description="The model's name at the endpoint.")
    key_variable: str | None = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable with the API key; null: no key needed."
    )
    price: Price = Field(description="Price per million tokens; 0 for a self-hosted server.")
    spending_limit: Amount = Field(description="Maximum total cost of the model at this endpoint, over all runs.")
    body: dict[str, JsonValue] = Field({}, description="Additional request fields; null removes a default one.")
    concurrency: int = Field(8, ge=1, description="Maximum number of concurrent requests.")
    timeout: float = Field(120, gt=0, description="Seconds to wait for a response.")
    retries: int = Field(8, ge=0, description="Maximum number of retries of a request.")

    @field_validator("body")
    @classmethod
    def _check_body(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in FIXED:
            if name in body:
                raise ValueError(f"{name} must not be set here")
        # `max_tokens` is sent by default (True here), unless the body removes it.
        if not any(isinstance(limit, int) for name in LIMITS if (limit := body.get(name, name == "max_tokens"))):
            raise ValueError(f"costs must be bounded by {' or '.join(LIMITS)}; set one")
        return body

    def request(self, max_new_tokens: int) -> dict[str, JsonValue]:
        """Return the request fields other than model and messages: greedy, with the token limit of our own models."""
        fields = {"temperature": 0, "max_tokens": max_new_tokens, **self.body}
        return {name: value for name, value in fields.items() if value is not None}
