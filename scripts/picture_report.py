#!/usr/bin/env python
"""A picture of a report, for a README: what headless Chromium shows of it.

scripts/picture_report.py REPORT.html [-o report.webp] [--at '#case-17'] [--dark] [--width 1200] [--height 1500]
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> int:
    """Open the page, wait for it, and take the picture."""
    arguments = parse_arguments()
    from musl.report.browser import open_browser, picture, prefer, resize

    with open_browser() as browser:
        prefer(browser, "dark" if arguments.dark else "light")
        resize(browser, arguments.width, arguments.height)
        browser.get(arguments.report.resolve().as_uri() + arguments.at)
        browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[arguments.length - 1], 100))")
        path = picture(browser, arguments.output, whole=arguments.whole)
    print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB")
    return 0


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, metavar="REPORT.html")
    parser.add_argument("-o", "--output", type=Path, default=Path("report.webp"), help="PNG or WebP, by its suffix")
    parser.add_argument("--at", default="", metavar="#PLACE", help="a section (#outcomes) or a function (#case-17)")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--whole", action="store_true", help="the whole page, however long")
    parser.add_argument("--width", type=int, default=1200, help="CSS pixels")
    parser.add_argument("--height", type=int, default=1500, help="CSS pixels")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
