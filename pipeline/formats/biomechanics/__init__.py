"""Formats of biomechanics, coaching and statistics: tables of angles and joints, files of OpenSim and laboratories.

``AnglesExporter`` and ``JointsExporter`` write tables, ``MotExporter`` OpenSim's coordinates, ``TrcExporter`` and
``C3dExporter`` markers, ``NetcdfExporter`` data sets.
"""
