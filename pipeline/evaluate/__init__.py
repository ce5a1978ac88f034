"""Figures with known answers: ``dataset`` for benchmarks, ``mocap``, ``multiview`` and ``video`` for what users meet.

``Subject`` is what is measured; ``Report`` is the JSON that is written, ``tables`` print it.
"""
