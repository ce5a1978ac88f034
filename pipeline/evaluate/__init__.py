"""Figures with known answers: ``dataset`` for benchmarks, ``mocap`` and ``multiview`` for what users meet, ``live``.

``Subject`` is what is measured; ``Report`` is the JSON that is written, ``tables`` print it.
"""
