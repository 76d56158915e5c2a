"""The names of the models that come with the install."""

from __future__ import annotations

from typing import Literal

OwnModel = Literal["int8", "fp32", "fine"]
