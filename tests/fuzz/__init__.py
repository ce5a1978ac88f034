"""Random damage for every file that is read: ``pytest -m fuzz``; some hundred inputs run with all other tests."""
