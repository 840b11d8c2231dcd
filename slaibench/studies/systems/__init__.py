"""What serves a study's requests: one module a backend, and the table of them."""
