"""The page of the paper's figures: claims, conventions, drawings."""
