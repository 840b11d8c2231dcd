"""Sizes of the SGLang engine that tests start."""

PAGE = 16
MAX_ACTIVE = 48
MAX_ADAPTERS = 3
