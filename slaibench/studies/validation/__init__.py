"""Runs of real engines, logged or recorded, replayed in the simulator and compared with it."""
