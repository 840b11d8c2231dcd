"""What papers print, one JSON file a paper, each value with its source."""
