"""Regression runs: a specification run again, and held against what it gave before."""
