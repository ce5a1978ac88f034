"""Figures with known answers: ``dataset`` for benchmarks, ``mocap`` and ``multiview`` for what users meet, ``live``.

``Subject`` is what is measured; ``tables`` prints.
"""
