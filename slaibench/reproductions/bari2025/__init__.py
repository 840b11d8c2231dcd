"""The paper's experiment: its figures as cells to run, its claims held against what came out."""
