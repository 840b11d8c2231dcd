"""A regression run as others read it: Markdown, JUnit XML, annotations of a workflow."""
