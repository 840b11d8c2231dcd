"""One sitting at a GPU: install, check, calibrate, compare, in the order of their worth."""
