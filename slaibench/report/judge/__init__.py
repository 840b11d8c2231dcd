"""A judgement as others read it: in words, and as Markdown for a pull request."""
