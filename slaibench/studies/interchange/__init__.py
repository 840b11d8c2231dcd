"""Result files of other load generators: runs in from them, and recordings out to them."""
