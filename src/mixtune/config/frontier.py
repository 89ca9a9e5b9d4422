"""The section `frontier` of the configuration: language models behind OpenAI-compatible endpoints."""

from typing import Annotated, Any

from pydantic import Field, JsonValue, field_validator

from .section import Section

Amount = Annotated[float, Field(ge=0)]
OURS = ("model", "messages", "n", "stream")  # fields of a request that no config changes
LIMITS = ("max_completion_tokens", "max_tokens")


class Price(Section):
    """What tokens cost, in the currency of the spending limit."""

    input: Amount = Field(description="Of a million tokens of prompts.")
    output: Amount = Field(description="Of a million tokens of answers.")


class Frontier(Section):
    """A language model behind an OpenAI-compatible endpoint."""

    base_url: str = Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$",
        description="The endpoint, up to where /chat/completions follows.",
    )
    model: str = Field(min_length=1, description="What the endpoint calls the model.")
    key_variable: str | None = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable that holds the key; null: there is none."
    )
    price: Price = Field(description="What a million tokens cost; 0 for a server of your own.")
    spending_limit: Amount = Field(
        description="What may ever be spent on the model at this endpoint, all runs together."
    )
    body: dict[str, JsonValue] = Field({}, description="More fields of a request; null takes one of ours away.")
    concurrency: int = Field(8, ge=1, description="Requests under way at a time.")
    timeout: float = Field(120, gt=0, description="Seconds to wait for a reply.")
    retries: int = Field(8, ge=0, description="How often a request is sent again.")

    @field_validator("body")
    @classmethod
    def _bounded(cls, body: dict[str, Any]) -> dict[str, Any]:
        for name in OURS:
            if name in body:
                raise ValueError(f"{name} is not to be set here")
        if not any(isinstance(found, int) for name in LIMITS if (found := body.get(name, name == "max_tokens"))):
            raise ValueError(f"costs are bounded by {' or '.join(LIMITS)}; set one")
        return body

    def request(self, max_new_tokens: int) -> dict[str, Any]:
        """The fields of a request beside model and messages: greedy, with as many tokens as our own models get."""
        fields = {"temperature": 0, "max_tokens": max_new_tokens, **self.body}
        return {name: value for name, value in fields.items() if value is not None}
