"""Hostile functions: each docstring gives the trick and its outcome. No trick may cost another test."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest
from c_side import CSide

import compile.runner
from compile.outcome import Status
from compile.run_record import TestRun
from compile.runner import TestLimits
from compile.sandbox import Limits

LIMITS = TestLimits(seconds=0.4, memory_bytes=64 << 20)


def attack(c_side: CSide, body: str, mode: str = "plain") -> TestRun:
    """The run of `int f(int n) { body }` with n = 1, between two calls with n = 0 that must both return 7."""
    text = f"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/prctl.h>
    #include <sys/ptrace.h>
    #include <sys/socket.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static void *nothing(void *p) {{ return p; }}
    int f(int n) {{
        (void)nothing;
        if (n == 0) return 7;
        {body}
    }}
    """
    before, run, after = c_side.run(text, "f", (0,), (1,), (0,), mode=mode, limits=LIMITS)
    assert before.returned == 7, before.outcome.message
    assert after.returned == 7, after.outcome.message
    return run


def test_an_endless_loop_that_ignores_signals_is_a_timeout(c_side: CSide) -> None:
    """Ignores every signal that can be ignored and loops: timeout."""
    run = attack(c_side, "for (int s = 1; s < 64; s++) signal(s, SIG_IGN); for (;;) {}")
    assert run.outcome.status is Status.TIMEOUT


def test_a_process_that_stops_itself_is_a_timeout(c_side: CSide) -> None:
    """Stops itself with SIGSTOP, so that it uses no CPU time: timeout."""
    run = attack(c_side, "raise(SIGSTOP); return 0;")
    assert run.outcome.status is Status.TIMEOUT


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("for (;;) fork();", "clone"),
        ('return system("true");', "not allowed"),
        (
            "pthread_attr_t a; pthread_t t; pthread_attr_init(&a); pthread_attr_setstacksize(&a, 65536);"
            " return pthread_create(&t, &a, nothing, 0);",
            "not allowed",
        ),
        ("return socket(AF_INET, SOCK_STREAM, 0);", "socket"),
        ("return socket(AF_UNIX, SOCK_DGRAM, 0);", "socket"),
        ('return execl("/bin/true", "true", (char *)0);', "execve"),
        ("return kill(getppid(), SIGKILL);", "kill"),
        ("return kill(-1, SIGKILL);", "kill"),
        ("return ptrace(PTRACE_ATTACH, getppid(), 0, 0);", "ptrace"),
    ],
)
def test_processes_networks_and_signals_are_forbidden(c_side: CSide, call: str, name: str) -> None:
    """A fork bomb, a shell, a thread, a connection, another program, a signal to the driver: forbidden, by name."""
    run = attack(c_side, call)
    assert run.outcome.status is Status.FORBIDDEN
    assert name in run.outcome.message


@pytest.mark.parametrize("mode", ["plain", "sanitize"])
def test_a_memory_hog_is_out_of_memory(c_side: CSide, mode: str) -> None:
    """Allocates and fills memory without end: out_of_memory, under a sanitizer too."""
    run = attack(c_side, "for (;;) { char *p = malloc(1 << 20); memset(p, 1, 1 << 20); }", mode)
    assert run.outcome.status is Status.OUT_OF_MEMORY


def test_a_mapping_of_terabytes_is_refused(c_side: CSide) -> None:
    """Asks for more memory than the machine has and never looks at the answer: a crash, not a swap storm."""
    run = attack(c_side, "int *p = malloc(1l << 42); p[1l << 30] = 1; return p[5];")
    assert run.outcome.status is Status.RUNTIME_ERROR


@pytest.mark.parametrize("leave", ["exit(0);", "_exit(0);", "raise(SIGKILL); return 0;"])
def test_leaving_early_is_no_success(c_side: CSide, leave: str) -> None:
    """Ends the process with status 0 before the call returns: never ok."""
    run = attack(c_side, leave)
    assert not run.outcome.ok
    assert run.returned is None


def test_results_cannot_be_forged_through_descriptors(c_side: CSide) -> None:
    """Writes what looks like results to every descriptor, then exits with 0: a runtime error, and nothing is forged."""
    body = """
    unsigned char forged[4096]; memset(forged, 0, sizeof forged);
    for (int d = 0; d < 4096; d++) { lseek(d, 0, SEEK_SET); if (write(d, forged, sizeof forged)) {} }
    exit(0);
    """
    run = attack(c_side, body)
    assert run.outcome.status is Status.RUNTIME_ERROR


def test_the_driver_cannot_be_reached_through_proc(c_side: CSide) -> None:
    """Opens the memory and the descriptors of the driver under /proc: every open fails, so the count is 0."""
    body = """
    int opened = 0; char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", getppid());
    opened += open(path, O_RDWR) >= 0;
    for (int d = 0; d < 64; d++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", getppid(), d);
        opened += open(path, O_RDWR) >= 0;
    }
    return opened;
    """
    run = attack(c_side, body)
    assert run.outcome.ok, run.outcome.message
    assert run.returned == 0


def test_gigabytes_of_output_cost_nothing(c_side: CSide) -> None:
    """Prints without end on both streams: timeout, and the little that is kept of it is bounded."""
    body = "char t[65536]; memset(t, 'x', sizeof t); for (;;) { if (write(1, t, 65536) + write(2, t, 65536)) {} }"
    begin = time.monotonic()
    run = attack(c_side, body)
    assert run.outcome.status is Status.TIMEOUT
    assert len(run.outcome.stderr) < 2 * LIMITS.stderr_bytes
    assert time.monotonic() - begin < 5


def test_nothing_can_be_written_outside(c_side: CSide, tmp_path: Path) -> None:
    """Writes to the system, beside its executable, over its executable and to the user's folder: every open fails."""
    (tmp_path / "precious").write_text("kept")
    body = f"""
    const char *paths[] = {{"/usr/bin/gcc", "/etc/passwd", "/new", "/dev/shm/new", "run", "new",
                            "/proc/sys/vm/swappiness", "/proc/self/exe", "/proc/sys/kernel/core_pattern", 0}};
    int opened = 0;
    for (int i = 0; paths[i]; i++) opened += open(paths[i], O_WRONLY | O_CREAT | O_TRUNC, 0666) >= 0;
    if (open("{tmp_path}/precious", O_WRONLY | O_CREAT | O_TRUNC, 0666) >= 0) {{}}  // at most a copy of its own
    return opened + (unlink("run") == 0) + (rename("run", "walk") == 0);
    """
    run = attack(c_side, body)
    assert run.outcome.ok, run.outcome.message
    assert run.returned == 0
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_full_private_tmp_ends_with_the_run(c_side: CSide) -> None:
    """Leaves files in /tmp: they are the run's own, and gone with it."""
    name = f"left-by-{os.getpid()}"
    run = attack(c_side, f'return open("/tmp/{name}", O_WRONLY | O_CREAT, 0666) >= 0;')
    assert run.returned == 1
    assert not (Path("/tmp") / name).exists()


def test_the_users_files_and_environment_are_not_there(
    c_side: CSide, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads a secret of $HOME and of the environment: neither is there."""
    home = tmp_path_factory.mktemp("home")
    (home / "secret").write_text("42")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MUSL_TEST_SECRET", "42")
    paths = ", ".join(f'"{path}"' for path in (home / "secret", "/etc/passwd", "/etc/hostname", "/root", "/home"))
    body = f"""
    const char *paths[] = {{{paths}, 0}};
    int opened = getenv("MUSL_TEST_SECRET") != 0;
    for (int i = 0; paths[i]; i++) opened += open(paths[i], O_RDONLY) >= 0;
    return opened;
    """
    run = attack(c_side, body)
    assert run.outcome.ok, run.outcome.message
    assert run.returned == 0


def test_endless_recursion_is_a_runtime_error(c_side: CSide) -> None:
    """Recurses until the stack ends: runtime error under the sanitizer, and no core file."""
    text = "int f(volatile int n) { volatile char t[4096]; t[0] = 1; return n ? f(n) + t[0] : 7; }"
    run, after = c_side.run(text, "f", (1,), (0,), mode="sanitize", limits=TestLimits(seconds=2.0))
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert "stack-overflow" in run.outcome.message
    assert after.returned == 7


def test_a_refused_call_cannot_be_hidden_by_a_handler(c_side: CSide) -> None:
    """Handles the signal of the refused call itself and goes on: the call still had no effect, so there is no child."""
    body = """
    signal(SIGSYS, SIG_IGN);
    long got = fork();
    return got == 0 ? 1 : (int)waitpid(-1, 0, WNOHANG);
    """
    run = attack(c_side, body)
    assert run.outcome.status in (Status.FORBIDDEN, Status.RUNTIME_ERROR)


CONSTRUCTOR = """
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
static int calls;
__attribute__((constructor)) static void before(void) {
    char forged[4096];
    memset(forged, 0, sizeof forged);
    calls++;
    for (int d = 3; d < 1024; d++) { lseek(d, 0, SEEK_SET); if (write(d, forged, sizeof forged)) {} }
    BODY
}
int f(int n) { return n + calls; }
"""


def test_a_constructor_cannot_forge_results(c_side: CSide) -> None:
    """Writes to every descriptor before main() begins: constructors run in the children, which have no results."""
    runs = c_side.run(CONSTRUCTOR.replace("BODY", ""), "f", (1,), (2,), mode="plain")
    assert [run.returned for run in runs] == [2, 3]


def test_a_constructor_that_ends_the_process_is_no_success(c_side: CSide) -> None:
    """Exits with 0 before main() begins: a runtime error for every test."""
    runs = c_side.run(CONSTRUCTOR.replace("BODY", "_exit(0);"), "f", (1,), (2,), mode="plain")
    assert [run.outcome.status for run in runs] == [Status.RUNTIME_ERROR] * 2


def test_a_constructor_that_forks_is_forbidden(c_side: CSide) -> None:
    """A fork bomb before main() begins: forbidden for every test."""
    runs = c_side.run(CONSTRUCTOR.replace("BODY", "for (;;) fork();"), "f", (1,), (2,), mode="plain")
    assert [run.outcome.status for run in runs] == [Status.FORBIDDEN] * 2


@pytest.mark.parametrize("call", ["return fork();", "return socket(AF_INET, SOCK_STREAM, 0);"])
def test_sanitized_builds_forbid_the_same(c_side: CSide, call: str) -> None:
    """A new process or a connection from a function under the sanitizers: forbidden, as without them."""
    run = attack(c_side, call, "sanitize")
    assert run.outcome.status is Status.FORBIDDEN


@pytest.mark.parametrize(("value", "failed"), [("1", "0"), ("0xffffffff", "0"), ("1", "7"), ("1", "99")])
def test_a_result_in_the_shared_mapping_is_not_believed(c_side: CSide, value: str, failed: str) -> None:
    """Finds the mapping of results in /proc/self/maps, says there "finished", or "the machine has failed", and exits
    with 0: a runtime error, and never the machine's fault."""
    body = f"""
    static char maps[1 << 16];
    int d = open("/proc/self/maps", O_RDONLY), size = 0, got;
    while ((got = read(d, maps + size, sizeof maps - 1 - size)) > 0) size += got;
    for (char *line = maps; line && *line; line = strchr(line, 10) ? strchr(line, 10) + 1 : 0) {{
        unsigned long begin, end;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) != 3 || strcmp(mode, "rw-s")) continue;
        for (int k = 0; k < 64; k += 4) *(volatile unsigned *)(begin + k) = {value};
        *(volatile unsigned *)(begin + 8) = {failed};
    }}
    _exit(0);
    """
    run = attack(c_side, body)
    assert run.outcome.status is Status.RUNTIME_ERROR
    assert "did not return" in run.outcome.message


def test_a_full_disk_costs_nothing(c_side: CSide) -> None:
    """Fills /tmp until nothing more fits, with one file and with many: the call returns, and nothing is left."""
    body = """
    static char block[1 << 20];
    char name[32];
    for (int k = 0; k < 1000; k++) {
        snprintf(name, sizeof name, "/tmp/full-%d", k);
        int d = open(name, O_WRONLY | O_CREAT, 0666);
        if (d < 0 || write(d, block, sizeof block) <= 0) return k > 0 && k < 200;
        close(d);
    }
    return 0;
    """
    run = attack(c_side, body)
    assert run.returned == 1, run.outcome.message
    assert not list(Path("/tmp").glob("full-*"))


def test_a_resolver_of_an_indirect_function_cannot_forge_results(c_side: CSide) -> None:
    """Runs code while the file is loaded, before any constructor: in a child too, which has no results."""
    text = """
    #include <unistd.h>
    #include <sys/syscall.h>
    static int seven(int n) { return n + 7; }
    static int (*resolve(void))(int) {
        static char forged[4096];
        for (int d = 3; d < 64; d++) syscall(SYS_pwrite64, d, forged, sizeof forged, 0L);
        BODY
        return seven;
    }
    int chosen(int n) __attribute__((ifunc("resolve")));
    int f(int n) { return chosen(n); }
    """
    runs = c_side.run(text.replace("BODY", ""), "f", (1,), (2,), mode="plain")
    assert [run.returned for run in runs] == [8, 9]
    runs = c_side.run(text.replace("BODY", "syscall(SYS_exit_group, 0);"), "f", (1,), mode="plain")
    assert runs[0].outcome.status is Status.RUNTIME_ERROR


def test_coverage_cannot_be_used_to_fill_the_disk(c_side: CSide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes without end to the folder of its counters, the only one that a function may write to: stopped."""
    monkeypatch.setattr(compile.runner, "Limits", partial(Limits, folder_bytes=64 << 20))
    body = """
    static char block[1 << 20];
    char name[32];
    for (int k = 0;; k++) {
        snprintf(name, sizeof name, "full-%d", k);
        int d = open(name, O_WRONLY | O_CREAT, 0666);
        for (int m = 0; m < 8; m++) if (write(d, block, sizeof block) < 0) {}
        close(d);
    }
    """
    text = f"#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\nint f(int n) {{ {body} return n; }}"
    (run,) = c_side.run(text, "f", (1,), mode="coverage", limits=TestLimits(seconds=20.0))
    assert "bytes in its folder" in run.outcome.message
    assert sum(path.stat().st_size for path in c_side.scratch.rglob("full-*")) < 1 << 30


def test_loading_a_plugin_somewhere_costs_only_the_function_that_does(c_side: CSide) -> None:
    """The dynamic linker is withheld from code under test; a file that uses it is a file like any other."""
    text = """
    #include <dlfcn.h>
    int f(int n) { return n ? dlsym(dlopen(0, RTLD_NOW), "main") != 0 : 7; }
    """
    before, run = c_side.run(text, "f", (0,), (1,), mode="plain")
    assert before.returned == 7
    assert run.outcome.status is Status.RUNTIME_ERROR


@pytest.mark.parametrize("name", ["__asan_unpoison_memory_region", "__sanitizer_set_death_callback", "musl_hook_end"])
def test_names_of_a_sanitizer_and_of_musl_do_not_compile(c_side: CSide, name: str) -> None:
    """Uses what would silence the checks or count a launch: a compile error that names it."""
    text = f"void {name}(void *, unsigned long);\nint f(int n) {{ {name}(&n, 4); return n; }}"
    outcome = c_side.fail_to_build(text, "f", "sanitize")
    assert outcome.status is Status.COMPILE_ERROR
    assert name in outcome.message
