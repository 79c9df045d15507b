"""A package that scoring needs and that is missing is named, with the command that installs it."""

from __future__ import annotations

import pytest

from musl.errors import MachineError
from musl.evaluation.extra import require


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(MachineError, match=r"no_such_package is not installed.*musl-cuda\[eval\]"):
        require("no_such_package")


@pytest.mark.parametrize("package", ["codebleu", "sacrebleu"])
def test_the_packages_of_the_extra_are_there_with_the_tests(package: str) -> None:
    require(package)
