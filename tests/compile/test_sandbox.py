"""The sandbox by itself: what a command sees, how it ends, and what happens where there is no sandbox."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

import compile.sandbox
from compile.outcome import Status
from compile.sandbox import Limits, Sandbox, SandboxUnavailable, address_words, why_unavailable
from compile.toolchain import find_gcc, find_gcov, find_gxx, find_nvcc


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_output_and_exit_status_come_back(sandbox: Sandbox) -> None:
    outcome = sandbox.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (outcome.status, outcome.exit_code) == (Status.RUNTIME_ERROR, 3)
    assert (outcome.stdout, outcome.stderr) == (b"out\n", b"err\n")


def test_scratch_is_writable_only_where_a_run_asks(sandbox: Sandbox) -> None:
    assert not sandbox.run(["/bin/sh", "-c", "echo 1 > new"]).ok
    assert sandbox.run(["/bin/sh", "-c", "echo 1 > new"], writable=True).ok
    assert (sandbox.scratch / "new").read_text() == "1\n"


def test_only_named_folders_are_readable(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "file").write_text("there")
    assert not sandbox.run(["cat", other / "file"]).ok
    assert sandbox.run(["cat", other / "file"], readable=[other]).stdout == b"there"
    assert not sandbox.run(["/bin/sh", "-c", f"echo 1 > {other}/file"], readable=[other]).ok


def test_a_timeout_kills_what_has_detached_itself(sandbox: Sandbox) -> None:
    begin = time.monotonic()
    script = "trap '' TERM; (setsid sleep 3017 &) ; while :; do :; done"
    outcome = sandbox.run(["/bin/sh", "-c", script], limits=Limits(wall_seconds=0.5))
    assert outcome.status is Status.TIMEOUT
    assert time.monotonic() - begin < 5
    for _ in range(50):
        if not _is_running("sleep\0003017"):
            return
        time.sleep(0.1)
    pytest.fail("a process of the run is still there")


def _is_running(command: str) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(command.encode()):
                return True
        except OSError:
            continue
    return False


def test_too_much_output_is_stopped_and_bounded(sandbox: Sandbox) -> None:
    outcome = sandbox.run(["cat", "/dev/zero"], limits=Limits(wall_seconds=10, output_bytes=100_000))
    assert outcome.status is Status.RUNTIME_ERROR
    assert len(outcome.stdout) == 100_000
    assert outcome.seconds < 5
    assert "more than 100000 bytes of output" in outcome.message


def test_files_cpu_and_memory_are_bounded(sandbox: Sandbox) -> None:
    small = Limits(wall_seconds=10, cpu_seconds=0, file_bytes=1 << 20, memory_bytes=64 << 20)
    assert not sandbox.run(["/bin/sh", "-c", "cat /dev/zero > big"], limits=small, writable=True).ok
    assert (sandbox.scratch / "big").stat().st_size <= 1 << 20
    busy = sandbox.run(["/bin/sh", "-c", "while :; do :; done"], limits=replace(small, wall_seconds=60))
    # by SIGXCPU, which no limit on the wall clock sends: beside other work a second of the processor is many of those
    assert (busy.status, busy.exit_code) == (Status.TIMEOUT, 128 + signal.SIGXCPU)
    assert not sandbox.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"], limits=small).ok


def test_there_is_no_network(sandbox: Sandbox) -> None:
    outcome = sandbox.run(["/bin/sh", "-c", "cat /proc/net/dev"])
    names = [line.split(":")[0].strip() for line in outcome.stdout.decode().splitlines() if ":" in line]
    assert names in ([], ["lo"])


def test_stdin_is_empty_and_there_is_no_terminal(sandbox: Sandbox) -> None:
    assert sandbox.run(["cat"]).stdout == b""
    assert not sandbox.run(["/bin/sh", "-c", "echo x > /dev/tty"]).ok


def test_a_mount_that_fails_is_the_machines_fault(sandbox: Sandbox) -> None:
    outcome = sandbox.run(["true"], cwd=Path("/nowhere/at/all"))
    assert outcome.status is Status.INFRASTRUCTURE
    assert outcome.message.startswith("bwrap:")


def test_a_missing_sandbox_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compile.sandbox, "find_bubblewrap", lambda: None)
    why_unavailable.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
            Sandbox(tmp_path)
        outcome = Sandbox(tmp_path, unsafe=True).run(["/bin/sh", "-c", "echo still; exit 2"])
        assert (outcome.stdout, outcome.exit_code) == (b"still\n", 2)
    finally:
        why_unavailable.cache_clear()


def test_a_sandbox_that_does_not_work_is_refused_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(compile.sandbox, "find_bubblewrap", lambda: broken)
    why_unavailable.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="bwrap: no permissions"):
            Sandbox(tmp_path)
    finally:
        why_unavailable.cache_clear()


def test_a_run_that_is_shown_a_device_writes_of_proc_what_is_its_own_alone(sandbox: Sandbox) -> None:
    """NVIDIA's driver does not start where /proc is read-only; the settings of the machine are nobody's to write."""
    script = "echo mine > /proc/self/comm && for f in /proc/[!0-9]* /proc/sys/*/*; do [ -w $f ] && echo $f; done; true"
    shown = sandbox.run(["/bin/sh", "-c", script], readable=[Path("/dev/full")])
    writable = {Path(word) for word in shown.stdout.decode().split()}
    assert shown.ok and writable <= {Path("/proc/self"), Path("/proc/thread-self")}, shown
    assert not sandbox.run(["/bin/sh", "-c", "echo mine > /proc/self/comm"]).ok


def test_without_a_sandbox_time_and_output_are_still_bounded(tmp_path: Path) -> None:
    unsafe = Sandbox(tmp_path, unsafe=True)
    limits = Limits(wall_seconds=0.5, output_bytes=1000)
    assert unsafe.run(["sleep", "60"], limits=limits).status is Status.TIMEOUT
    assert len(unsafe.run(["cat", "/dev/zero"], limits=limits).stdout) == 1000


def test_the_compilers_of_this_machine_report_their_versions(sandbox: Sandbox) -> None:
    for tool in (find_gcc(), find_gxx(), find_gcov()):
        assert int(tool.version.split(".")[0]) >= 9
        assert sandbox.run([tool.path, "--version"]).ok


def test_nvcc_runs_in_the_sandbox_where_there_is_one(sandbox: Sandbox) -> None:
    nvcc = find_nvcc()
    if nvcc is None:
        pytest.skip("no nvcc on PATH or in site-packages")
    outcome = sandbox.run([nvcc.path, "--version"])
    assert nvcc.version and nvcc.version.encode() in outcome.stdout


def test_addresses_are_fixed_where_they_would_be_too_random_for_the_sanitizers(sandbox: Sandbox) -> None:
    assert address_words(28) == ()
    stack = ["grep", "-F", "[stack]", "/proc/self/maps"]
    fixed = [*address_words(32), *stack]
    assert fixed != stack
    assert sandbox.run(fixed, restricted=True).stdout == sandbox.run(fixed, restricted=True).stdout != b""
