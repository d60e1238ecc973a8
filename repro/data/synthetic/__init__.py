"""Generated data in the true layouts, for the demo, for tests and for trying a loader."""
