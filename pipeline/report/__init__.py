"""What ``zedo-video report`` does: a result in numbers and plain words, as text, as JSON and as a page.

``report_of`` computes it, ``judge`` says what to trust and why not, ``report_text`` and ``draw_page`` show it.
"""
