"""Print the JSON Schema of the configuration (`python -m mixtune.config`)."""

import json

from .config import json_schema

print(json.dumps(json_schema(), indent=2))
