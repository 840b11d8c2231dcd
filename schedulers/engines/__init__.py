"""Adapters that put a policy into a serving engine; nothing else imports an engine."""
