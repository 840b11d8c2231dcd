"""Published studies made again, each on the public interfaces."""
