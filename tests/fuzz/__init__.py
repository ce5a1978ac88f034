"""Random damage for every file that is read: ``pytest -m fuzz``; a few hundred inputs of it run with all other tests."""
