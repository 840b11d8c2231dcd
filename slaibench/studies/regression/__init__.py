"""Regression runs: a specification run again, and compared with what it gave before."""
