"""The page: a result as one file of HTML that any browser opens, without a network.

``exporter`` writes it, of ``columns`` (numbers, packed), ``contents`` (what the page is told), ``proxy`` (the video,
made small) and ``document`` (the file, put together of the sources in the folder web).
"""
