"""Scripts that made the shipped files: the sample clip from motion capture, and MoveNet in half precision.

``sample`` renders a ``figure``; nothing here is needed to run.
"""
