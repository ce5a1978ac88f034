"""People in single frames become tracks: ``track_people`` links them from frame to frame.

``stitching`` joins the tracks of one person, ``merging`` drops the same person seen twice, ``flow`` follows keypoints
through pictures, and ``identity`` keeps numbers while a camera runs.
"""
