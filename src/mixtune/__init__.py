"""mixtune: small language models tuned for relation extraction, as one matrix of experiments."""

from .version import __getattr__ as __getattr__  # `mixtune.__version__`
