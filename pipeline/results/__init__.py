"""What a run leaves: ``Result`` is everybody in a video, ``exporters`` writes it in every format there is.

``schema`` says what stands in a file.
"""
