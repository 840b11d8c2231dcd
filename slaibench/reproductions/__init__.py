"""Papers redone: each a package of its own on the public interfaces, which nothing else imports."""
