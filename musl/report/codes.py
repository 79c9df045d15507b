"""The codes of `translate` itself: MUSL900-999. The Translator's own are in translator/analytic/codes.py."""

from __future__ import annotations

INTERNAL_ERROR = "MUSL900"
TOOK_TOO_LONG = "MUSL901"
NOT_VERIFIED = "MUSL902"
WRONG_RESULT = "MUSL903"

REPORT_CODES = {
    INTERNAL_ERROR: "MuSL itself failed on the function: a bug to report",
    TOOK_TOO_LONG: "the function's `--timeout` was reached",
    NOT_VERIFIED: "translated, but nothing could show that it is right: no valid input, no sandbox, a broken machine",
    WRONG_RESULT: "the translation gave another result, raced, went out of bounds, crashed or did not compile",
}
