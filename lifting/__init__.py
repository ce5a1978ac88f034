"""From 2D keypoints to 3D joints in metres, with what is known of their errors; nothing here reads a video.

``Lifter`` lifts tracks as ``LiftSettings`` say and gives ``Track3D``; ``metrics`` compares joints with a truth. The
parts of the method are rooms: ``prior``, ``initial``, ``optimise``, ``temporal``, on ``body`` and ``geometry``.
"""
