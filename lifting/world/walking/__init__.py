"""How people go: when and where feet rest (``contacts``), the ``path`` of root and ankles, ``legs`` that reach; and how
far the camera went beside them, the ``scale`` of its way."""
