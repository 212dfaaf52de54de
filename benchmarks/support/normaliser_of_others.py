"""A text normaliser of others behind a pipe: a JSON string a line in, [what it said or null, seconds] a line out.

Runs in the interpreter that has the library, beside ours, and imports nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def wetext() -> Callable[[str], str]:
    from wetext import Normalizer

    normalizer = Normalizer(lang="en", operator="tn")
    return lambda text: str(normalizer.normalize(text))


def nemo() -> Callable[[str], str]:
    from nemo_text_processing.text_normalization.normalize import Normalizer

    normalizer = Normalizer(input_case="cased", lang="en")
    return lambda text: str(normalizer.normalize(text, verbose=False, punct_post_process=True))


def main() -> None:
    normalize = {"wetext": wetext, "nemo": nemo}[sys.argv[1]]()
    normalize("It is 5 km.")
    for line in sys.stdin:
        began = time.process_time()
        said = _said(normalize, json.loads(line))
        print(json.dumps([said, time.process_time() - began]), flush=True)


def _said(normalize: Callable[[str], str], text: str) -> str | None:
    """None where the library raises."""
    try:
        return normalize(text)
    except Exception:  # whatever a library of others raises is its answer
        return None


if __name__ == "__main__":
    main()
