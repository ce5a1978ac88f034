"""What is known of bodies: names of joints, bones, proportions, and how they stay the same along a track.

``joints`` has joints and groups by name, ``skeleton`` bones and stature, ``BoneKeeper`` holds lengths, ``BodySize``
scales, ``infants`` are the bodies that differ.
"""
