"""Cameras, rays and rotations: ``Camera`` turns pixels into rays, ``TranslationSolver`` puts poses onto them.

Camera axes are x right, y down, z forward, metres.
"""
