"""The file: sources, data and video in one document that may load nothing and run only what it was written with."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from assets.integrity import asset_path

__all__ = ["page_document"]

#: Sources of the page, each after those that it imports.
SCRIPTS = (
    "columns.js", "model.js", "angles.js", "quantities.js", "npz.js", "compare.js", "player.js", "overlay.js",
    "figures.js", "scene.js", "plots.js", "timeline.js", "panels.js", "exports.js", "main.js",
)  # fmt: skip
_THREE = "three.min.js"


def page_document(contents: dict[str, Any], video: bytes | None) -> str:
    """The HTML of what ``contents.page_contents`` gave, with the video inside if there is one.

    Nothing is loaded: the policy in it allows the two scripts and the style that stand in it, by their hashes, and
    pictures and films that the page itself holds or, if the film is not inside, a file beside it.
    """
    web = files("pipeline.formats.page") / "web"
    style = (web / "style.css").read_text("utf-8")
    three, own = asset_path(_THREE).read_text("utf-8"), page_script()
    # From the disk, and from a server that has both.
    beside = " file: 'self'" if contents["video"] is not None and video is None else ""
    policy = (
        f"default-src 'none'; script-src {_hash(three)} {_hash(own)}; style-src {_hash(style)}; img-src blob: data:; "
        f"media-src blob: data:{beside}; base-uri 'none'; form-action 'none'"
    )
    # In a script, "<" could begin its end.
    data = json.dumps(contents, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "POLICY": html.escape(policy),
        "TITLE": html.escape(contents["title"]),
        "STYLE": style,
        "DATA": data,
        "VIDEO": "" if video is None else base64.b64encode(video).decode(),
        "THREE": three,
        "SCRIPT": own,
    }
    text = (web / "index.html").read_text("utf-8")
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: parts[found[1]], text)


@cache
def page_script() -> str:
    """The modules of the page as one script: their imports are of each other, so that joining them is enough."""
    web = files("pipeline.formats.page") / "web"
    texts = []
    for name in SCRIPTS:
        text = (web / name).read_text("utf-8")
        text = re.sub(r"^import [^;]*;\n", "", text, flags=re.MULTILINE)
        texts.append(re.sub(r"^export ", "", text, flags=re.MULTILINE))
    return '"use strict";\n(() => {\n' + "\n".join(texts) + "\n})();\n"


def _hash(text: str) -> str:
    """As a policy names what may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
