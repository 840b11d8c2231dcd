"""Facts as JSON files; a package only so that installers carry them along."""
