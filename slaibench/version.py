"""The version, apart so that lower rooms may read it."""

__version__ = "0.1.0"
