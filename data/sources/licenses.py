"""Licences by their text: SPDX names of the common ones."""

from __future__ import annotations

import re

_FILE = re.compile(r"(?:un)?licen[cs]e|copying|copyright", re.IGNORECASE)
_SPDX = re.compile(rb"SPDX-License-Identifier:\s*([A-Za-z0-9.+\-() ]+?)\s*(?:\*/|-->|$)", re.MULTILINE)
# In order: the first that is found names the licence.
_TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("Apache-2.0", r"apache license\W+version 2"),
        ("MPL-2.0", r"mozilla public license,? version 2"),
        ("AGPL-3.0", r"gnu affero general public license\W+version 3"),
        ("LGPL-3.0", r"gnu lesser general public license\W+version 3"),
        ("LGPL-2.1", r"gnu lesser general public license\W+version 2\.1"),
        ("LGPL-2.0", r"gnu library general public license\W+version 2"),
        ("GPL-3.0", r"gnu general public license\W+version 3"),
        ("GPL-2.0", r"gnu general public license\W+version 2"),
        ("BSL-1.0", r"boost software license"),
        ("BSD-3-Clause", r"redistribution and use in source and binary forms.*neither the name"),
        ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
        ("MIT", r"permission is hereby granted, free of charge, to any person obtaining"),
        ("ISC", r"permission to use, copy, modify,? and/?o?r? distribute this software for any purpose"),
        ("Zlib", r"this software is provided 'as-is', without any express or implied warranty"),
        ("Unlicense", r"this is free and unencumbered software released into the public domain"),
        ("CC0-1.0", r"cc0 1\.0 universal"),
    )
)
_HEAD = 20_000


def is_license_file(name: str) -> bool:
    """Whether a file called `name` usually holds a licence (LICENSE, COPYING.txt, LICENSE-MIT)."""
    return _FILE.match(name) is not None


def license_of_text(content: bytes) -> str:
    """The SPDX name of a licence file's text, "" where it is none of the common ones."""
    tagged = tagged_license(content)
    if tagged:
        return tagged
    text = " ".join(content[:_HEAD].decode("utf-8", "replace").split())
    return next((name for name, pattern in _TEXTS if pattern.search(text)), "")


def tagged_license(content: bytes) -> str:
    """What an SPDX-License-Identifier line in the first lines of a source says, "" where there is none."""
    match = _SPDX.search(content[:4096])
    return match[1].decode().strip() if match else ""
