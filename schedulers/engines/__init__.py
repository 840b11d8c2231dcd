"""Adapters that put a scheduler into a serving engine; nothing else imports an engine."""
