"""Bundle three.js with esbuild: see the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["bundle"]

_OPTIONS = ("--bundle", "--minify", "--format=iife", "--global-name=THREE", "--target=es2020", "--legal-comments=none")


def bundle(target: Path) -> None:
    """Write the script. Raises CalledProcessError if npm or esbuild cannot do it."""
    here = Path(__file__).parent
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json", "entry.js"):
            shutil.copy(here / file, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        subprocess.run(["node_modules/.bin/esbuild", "entry.js", *_OPTIONS, "--outfile=out.js"], cwd=folder, check=True)
        licence = (folder / "node_modules/three/LICENSE").read_text("utf-8")
        script = (folder / "out.js").read_text("utf-8")
    # It stands in a page, whose parser looks for these whatever is around them.
    for text in ("</script", "<!--"):
        if text in script:
            raise ValueError(f"the bundle holds {text}, which would end or confuse the script that it becomes")
    target.write_text(f"/*! three.js\n{licence.strip()}\n*/\n{script}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    bundle(Path(sys.argv[1]))
