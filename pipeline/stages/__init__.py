"""The first steps of a run on one video: people are found (``detect``), by which ``camera``, and its ``motion``."""
