"""The optimiser in the loop: poses go to their rays, the prior makes them human, and again, at falling noise.

``optimise`` is the loop, ``Schedule`` its coefficients, ``fast`` what videos are lifted with, ``reference`` what was
published; ``choice`` says which of several results is likeliest.
"""
