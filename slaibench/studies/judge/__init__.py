"""A scheduler judged against another: paired runs, a verdict a metric and load, one error rate."""
