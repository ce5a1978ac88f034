"""The optimiser in the loop: poses go to their rays, the prior makes them human, and again, at falling noise.

``optimise`` is the loop, ``Schedule`` its coefficients, ``constraints`` what frames have in common; ``FastSolver`` is
what videos are lifted with, ``ReferenceSolver`` what was published, ``make_solver`` chooses.
"""
