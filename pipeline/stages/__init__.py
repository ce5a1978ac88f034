"""The first steps of a run on one video: the ``camera`` that was given or guessed, and people found (``detect``)."""
