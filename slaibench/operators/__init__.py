"""Profiles compiled from measured operators (extra ``profiles``: aiconfigurator-core)."""
