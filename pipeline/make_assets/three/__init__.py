"""Makes ``assets/three.min.js``: what the page needs of three.js, in one script with its licence.

    python -m pipeline.make_assets.three.bundle assets/three.min.js

``bundle`` needs node and npm; package-lock.json beside it pins every package by its SHA-512.
"""
