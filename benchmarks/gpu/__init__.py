"""One GPU session: install, check, calibrate, compare, in the order of their worth."""
