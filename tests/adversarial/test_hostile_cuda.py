"""Hostile CUDA texts, in host code and in kernels: each docstring gives the trick and the judge's verdict on it.

Every text is a right version of AXPY with the trick added, or a wrong one that tries to pass for right. No trick may
cost the machine anything, and none may end in `equivalent` where the kernel is wrong or never ran.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from pair_side import WRONG, Pair, axpy_cuda

import compile.host
import musl.case
from compile.runner import TestLimits
from compile.sandbox import MIB, Limits
from musl.verdict import Verdict, VerdictStatus

SYSTEM = """
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
static void *nothing(void *p) { return p; }
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """The judge with little time and memory for each test, so that these tests are quick."""
    limits = TestLimits(seconds=0.4, total_seconds=20.0, memory_bytes=128 * MIB)
    monkeypatch.setattr(musl.case, "CANDIDATE_LIMITS", limits)
    return Pair(tmp_path)


def attack(pair: Pair, code: str, where: str = "host", *, top: str = "", write: str | None = None) -> Verdict:
    parts = {"top": SYSTEM + top, where: code}
    return pair.judge(axpy_cuda(**parts) if write is None else axpy_cuda(**parts, write=write))


def test_the_pair_itself_is_equivalent(pair: Pair) -> None:
    """No trick: equivalent, so that the verdicts below are about the tricks. A wrong kernel is different."""
    assert attack(pair, "").status is VerdictStatus.EQUIVALENT
    assert attack(pair, "", write=WRONG).status is VerdictStatus.DIFFERENT


# ------------------------------------------------------------------------- what costs the machine, or looks around it

FORBIDDEN = {
    "a fork bomb": "for (;;) fork();",
    "an orphan by two forks": "if (fork() == 0) { if (fork() == 0) for (;;) {} _exit(0); }",
    "a shell": 'if (system("true")) {}',
    "a thread": "pthread_t t; pthread_create(&t, 0, nothing, 0);",
    "another program": 'execl("/bin/true", "true", (char *)0);',
    "a connection": "int s = socket(AF_INET, SOCK_STREAM, 0); if (s) {}",
    "a signal to its parent": "kill(getppid(), SIGKILL);",
    "a signal to everybody": "kill(-1, SIGKILL);",
    "tracing its parent": "ptrace(PTRACE_ATTACH, getppid(), 0, 0);",
    "reading its parent's memory": (
        "char c; iovec l = {&c, 1}, r = {(void *)0x10000, 1}; if (process_vm_readv(getppid(), &l, 1, &r, 1, 0)) {}"
    ),
    "a system call of the 32-bit kind": 'int r = 20; __asm__ volatile("int $0x80" : "+a"(r)); if (r) {}',
}


@pytest.mark.parametrize("trick", FORBIDDEN)
def test_what_reaches_beyond_its_process_fails(pair: Pair, trick: str) -> None:
    """A new process, a connection, a signal, a look into another process, before a right computation: failed, with the
    reason that it is not allowed."""
    verdict = attack(pair, FORBIDDEN[trick])
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "not allowed" in verdict.reason


def test_a_fork_bomb_in_a_kernel_fails(pair: Pair) -> None:
    """Forks from a kernel, which in the emulator is code of this process: failed."""
    verdict = attack(pair, "for (;;) fork();", "kernel")
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "not allowed" in verdict.reason


@pytest.mark.parametrize("where", ["host", "kernel"])
def test_an_endless_loop_that_ignores_signals_fails(pair: Pair, where: str) -> None:
    """Ignores every signal and loops, in host code or in a kernel: failed, when its time is used up."""
    begin = time.monotonic()
    verdict = attack(pair, "for (int s = 1; s < 64; s++) signal(s, SIG_IGN); for (volatile int k = 0;; k++) {}", where)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "time was used up" in verdict.reason
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("where", ["host", "kernel"])
def test_a_memory_hog_fails(pair: Pair, where: str) -> None:
    """Allocates and fills memory without end: failed, when its memory is used up."""
    verdict = attack(pair, "for (;;) { char *p = (char *)malloc(1 << 20); memset(p, 1, 1 << 20); }", where)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "memory was used up" in verdict.reason


def test_device_memory_without_end_is_refused(pair: Pair) -> None:
    """Allocates device memory until that fails and ignores the error, which stays: failed."""
    verdict = attack(pair, "for (int k = 0; k < 100000; k++) { void *p; if (cudaMalloc(&p, 1 << 30)) break; }")
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED


@pytest.mark.parametrize("where", ["host", "kernel"])
def test_gigabytes_of_output_fail(pair: Pair, where: str) -> None:
    """Prints without end on both streams: failed, and what is kept of it is bounded."""
    text = "char t[4096]; memset(t, 'x', sizeof t); for (;;) { if (write(1, t, 4096) + write(2, t, 4096)) {} }"
    verdict = attack(pair, text, where)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert len(verdict.reason) < 2000


def test_a_full_disk_is_its_own(pair: Pair) -> None:
    """Fills its /tmp to the brim and then computes rightly: equivalent, and nothing of it is left."""
    fill = """
    static char block[1 << 20];
    int d = open("/tmp/left-by-a-candidate", O_WRONLY | O_CREAT, 0666);
    for (int k = 0; k < 5000 && write(d, block, sizeof block) > 0; k++) {}
    close(d);
    """
    verdict = attack(pair, fill)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    assert not Path("/tmp/left-by-a-candidate").exists()


def test_nothing_of_the_user_is_there_and_nothing_can_be_written(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spoils its result if it can read a key, the environment or an account, or write beside its executable or to the
    system: it cannot, so it is equivalent."""
    (pair.scratch / "key").write_text("secret")
    monkeypatch.setenv("MUSL_TEST_SECRET", "42")
    look = f"""
    const char *keys[] = {{"/etc/passwd", "/etc/shadow", "/root/.ssh", "/home", "{pair.scratch}/key", 0}};
    const char *places[] = {{"/usr/lib/x", "/etc/x", "/x", "run", "unit.so", "x", "/dev/shm/x", "/proc/self/exe",
                             "/proc/sys/kernel/core_pattern", 0}};
    int found = getenv("MUSL_TEST_SECRET") != 0 || getenv("SSH_AUTH_SOCK") != 0;
    for (int k = 0; keys[k]; k++) found += open(keys[k], O_RDONLY) >= 0;
    for (int k = 0; places[k]; k++) found += open(places[k], O_WRONLY | O_CREAT, 0666) >= 0;
    found += symlink("/etc/passwd", "link") == 0 || rename("unit.so", "unit") == 0 || unlink("run") == 0;
    a += found;
    """
    verdict = attack(pair, look)
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason
    assert (pair.scratch / "key").read_text() == "secret"


def test_the_cache_of_builds_cannot_be_reached(pair: Pair) -> None:
    """Spoils its result if it finds MuSL's cache of precompiled headers and hosts, which later builds trust: it cannot,
    so it is equivalent."""
    from compile.cache import cache_folder

    verdict = attack(pair, f'a += open("{cache_folder()}", O_RDONLY) >= 0;')
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason


# ------------------------------------------------------------------------------------------------------- early endings

ENDINGS = [
    "exit(0);",
    "_exit(0);",
    "quick_exit(0);",
    "syscall(SYS_exit_group, 0);",
    "abort();",
    "raise(SIGKILL);",
    "pthread_exit(0);",
    "throw 1;",
    "jmp_buf b; memset(&b, 0, sizeof b); longjmp(b, 1);",
    "__builtin_trap();",
    "*(volatile int *)0 = 1;",
]


@pytest.mark.parametrize("where", ["host", "kernel", "end"])
@pytest.mark.parametrize("leave", ENDINGS[:2])
def test_leaving_early_fails(pair: Pair, leave: str, where: str) -> None:
    """Ends the process with status 0 before, during and after the computation: failed."""
    assert attack(pair, leave, where).status is VerdictStatus.CANDIDATE_FAILED


@pytest.mark.parametrize("leave", ENDINGS[2:])
def test_any_other_way_of_leaving_fails(pair: Pair, leave: str) -> None:
    """Ends in other ways than by returning: not equivalent, whatever it left in the outputs."""
    verdict = attack(pair, leave, "end")
    assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.OUT_OF_BOUNDS), verdict.reason


@pytest.mark.parametrize("where", ["host", "kernel"])
def test_endless_recursion_fails(pair: Pair, where: str) -> None:
    """Recurses until the stack ends: failed, and no core file."""
    deep = "__host__ __device__ int deep(volatile int k) { volatile char t[512]; t[0] = 1; return deep(k + 1) + t[0]; }"
    verdict = attack(pair, "a += deep(0);", where, top=deep)
    assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.OUT_OF_BOUNDS), verdict.reason
    assert not list(pair.scratch.rglob("core*"))


# ------------------------------------------------------------------------------------------------------ forged results

# Looks for shared writable mappings, sets what could say "finished" and "one launch", and leaves.
FORGE = """
static void forge(void)
{
    static char maps[1 << 16];
    int d = open("/proc/self/maps", O_RDONLY);
    long size = 0, got;
    while ((got = read(d, maps + size, sizeof maps - 1 - size)) > 0) size += got;
    for (char *line = maps; line && *line; line = strchr(line, '\\n') ? strchr(line, '\\n') + 1 : 0) {
        unsigned long begin, end;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) != 3 || strcmp(mode, "rw-s")) continue;
        for (unsigned long k = 0; k < 64; k += 4) *(volatile unsigned *)(begin + k) = VALUE;
        *(volatile unsigned *)(begin + 8) = FAILED;
    }
    _exit(0);
}
"""


@pytest.mark.parametrize(("value", "failed"), [(0, 0), (1, 0), (0xFFFFFFFF, 0), (1, 7), (1, 99)])
def test_a_result_in_the_shared_mapping_is_not_believed(pair: Pair, value: int, failed: int) -> None:
    """Finds the mapping of results in /proc/self/maps, says there "finished", or "the machine has failed", or nonsense,
    and exits with 0: failed, and never the machine's fault."""
    top = f"#define VALUE {value}u\n#define FAILED {failed}u\n" + FORGE
    verdict = attack(pair, "forge();", "end", top=top)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "did not return" in verdict.reason


def test_results_written_to_every_descriptor_are_not_believed(pair: Pair) -> None:
    """Writes records of passed tests to every descriptor, then exits with 0: failed."""
    body = """
    static unsigned forged[1024];
    for (int d = 0; d < 4096; d++) { lseek(d, 0, SEEK_SET); if (write(d, forged, sizeof forged)) {} }
    exit(0);
    """
    assert attack(pair, body).status is VerdictStatus.CANDIDATE_FAILED


def test_a_timer_that_strikes_after_the_return_changes_nothing(pair: Pair) -> None:
    """Leaves a timer of a microsecond behind, whose handler exits with 0: wrong all the same, or failed."""
    top = "static void strike(int) { _exit(0); }"
    timer = "struct itimerval t = {{0, 1}, {0, 1}}; signal(SIGALRM, strike); setitimer(ITIMER_REAL, &t, 0);"
    verdict = attack(pair, timer, "end", top=top, write=WRONG)
    assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT)


RESERVED = {
    "namespace musl { extern unsigned long launch_count; }": ("musl::launch_count = 1;", "musl::launch_count"),
    "namespace musl { extern int last_error; }": ("musl::last_error = 0;", "musl::last_error"),
    "namespace musl { struct Schedule; extern Schedule schedule; }": (
        "if (*(int *)&musl::schedule != 0) a++;",
        "musl::schedule",
    ),
    'extern "C" int musl_hook_end(unsigned long *);': ("unsigned long k; musl_hook_end(&k);", "musl_hook_end"),
    'extern "C" void __asan_unpoison_memory_region(const volatile void *, size_t);': (
        "__asan_unpoison_memory_region(x, 4096);",
        "__asan_unpoison_memory_region",
    ),
    'extern "C" void __sanitizer_set_death_callback(void (*)(void));': (
        "__sanitizer_set_death_callback(0);",
        "__sanitizer_set_death_callback",
    ),
    'extern "C" char __data_start;': ("a += __data_start;", "__data_start"),
    'extern int start() __asm__("main");': ("start();", "main"),
}


@pytest.mark.parametrize("declaration", RESERVED)
def test_musls_own_names_cannot_be_used(pair: Pair, declaration: str) -> None:
    """Declares and uses what belongs to the emulator's runtime, to the driver or to a sanitizer: does not compile."""
    use, name = RESERVED[declaration]
    verdict = attack(pair, use, top=declaration)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "does not compile" in verdict.reason and name in verdict.reason


def test_the_dynamic_linker_is_withheld(pair: Pair) -> None:
    """Asks the dynamic linker for the runtime's names: its functions are null, so the call fails."""
    verdict = attack(pair, 'if (dlsym(0, "musl_hook_end")) a++;', top="#include <dlfcn.h>")
    assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.OUT_OF_BOUNDS)


OVERRIDES = {
    "write": "ssize_t write(int, const void *, size_t n) { return n; }",
    "memcpy": "void *memcpy(void *to, const void *, size_t) noexcept { return to; }",
    "fork": "pid_t fork(void) noexcept { return 0; }",
    "_exit": "void _exit(int) { for (;;) {} }",
    "wait4": "pid_t wait4(pid_t p, int *s, int, struct rusage *) noexcept { *s = 0; return p; }",
    "mmap": "void *mmap(void *, size_t, int, int, int, off_t) noexcept { return (void *)-1; }",
    "getrandom": "ssize_t getrandom(void *, size_t n, unsigned) { return n; }",
    "musl_hook_begin": "void musl_hook_begin(const void *) {}",
    "musl_hook_end": "int musl_hook_end(unsigned long *n) { *n = 7; return 0; }",
    "musl::launch": 'void fake(void) __asm__("_ZN4musl6launchEPKcRKNS_10MuslConfigEPFvPKvES6_m"); void fake(void) {}',
}


@pytest.mark.parametrize("name", OVERRIDES)
def test_functions_of_the_same_name_do_not_become_the_drivers(pair: Pair, name: str) -> None:
    """Defines a function that the driver or the runtime has too, so that they call it: they do not; the wrong kernel
    is found to be wrong."""
    verdict = attack(pair, "", top='extern "C" {' + OVERRIDES[name] + "}", write=WRONG)
    assert verdict.status is VerdictStatus.DIFFERENT, verdict.reason


CHECKS = {
    "__asan_report_store4": "void __asan_report_store4(void *) {}",
    "__asan_on_error": "void __asan_on_error(void) { syscall(SYS_exit_group, 0); }",
    "__asan_default_options": 'const char *__asan_default_options(void) { return "exitcode=0:halt_on_error=0"; }',
    "__ubsan_handle_type_mismatch_v1_abort": "void __ubsan_handle_type_mismatch_v1_abort(void *, void *) {}",
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_functions_of_a_sanitizer_cannot_be_defined(pair: Pair, name: str) -> None:
    """Defines what its own checks call when an access is bad, so that they say nothing: does not compile."""
    verdict = attack(pair, "", top='extern "C" {' + CHECKS[name] + "}")
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "does not compile" in verdict.reason and name in verdict.reason


BEFORE_MAIN = {
    "a constructor": "__attribute__((constructor(101))) static void before(void) { BODY }",
    "a static object": "struct before { before() { BODY } } before_main;",
    "a resolver of an indirect function": (
        'extern "C" { static int seven(void) { return 7; } static int (*resolve(void))(void) { BODY return seven; }\n'
        'int chosen(void) __attribute__((ifunc("resolve"))); } int use_it() { return chosen(); }'
    ),
    "an entry of init_array": (
        "static void before(int, char **, char **) { BODY }\n"
        '__attribute__((section(".init_array"), used)) void (*const entry)(int, char **, char **) = before;'
    ),
}


@pytest.mark.parametrize("trick", BEFORE_MAIN)
def test_code_before_main_cannot_forge_results(pair: Pair, trick: str) -> None:
    """Writes records to every descriptor and exits with 0 before main() begins: failed."""
    body = """
    static unsigned forged[1024];
    for (int d = 3; d < 64; d++) { lseek(d, 0, SEEK_SET); if (syscall(SYS_write, d, forged, sizeof forged)) {} }
    syscall(SYS_exit_group, 0);
    """
    verdict = attack(pair, "", top=BEFORE_MAIN[trick].replace("BODY", body), write=WRONG)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED


def test_code_before_the_driver_does_not_link(pair: Pair) -> None:
    """Adds an entry to .preinit_array, which the driver uses to come first: does not compile."""
    top = (
        "static void before(int, char **, char **) { _exit(0); }\n"
        '__attribute__((section(".preinit_array"), used)) void (*const entry)(int, char **, char **) = before;'
    )
    verdict = attack(pair, "", top=top)
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "does not compile" in verdict.reason


# ------------------------------------------------------------------------------------- games with the text of the stub

GAMES = {
    "renames the stub": "#define musl_call another",
    "renames the stub's parameter": "#define musl_arguments musl_nothing",
    "cuts the stub off": "#if 0",
    "comments the stub out": "/*",
    "opens a string around the stub": 'const char *t = R"(',
    "poisons the stub": "#pragma GCC poison musl_call",
    "hides the stub": "#pragma GCC visibility push(hidden)",
    "makes memcpy of the result nothing": "#define __builtin_memcpy(to, from, n) ((void)0)",
    "calls another": "#define axpy(n, a, x, y) ((void)(n))",
    "defines the stub itself": 'extern "C" void musl_call(void **, void *) {}\n#if 0',
    "lies about lines": '#line 1 "/etc/passwd"\n#error wrong',
    "closes the namespace": "}",
}


@pytest.mark.parametrize("game", GAMES)
def test_games_with_the_stub_win_nothing(pair: Pair, game: str) -> None:
    """Ends the text with something that changes what is appended to it; the kernel is wrong: different, or failed."""
    verdict = pair.judge(axpy_cuda(write=WRONG) + GAMES[game] + "\n")
    assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT), verdict.reason
    assert "root:" not in verdict.reason


def test_sections_of_the_linker_cannot_be_replaced(pair: Pair) -> None:
    """Writes to the sections that say which program interprets the file, and what else is loaded: never equivalent."""
    for section in (".interp", ".dynamic", ".dynsym", ".gnu.hash"):
        top = f'__asm__(".pushsection {section},\\"a\\"; .asciz \\"/tmp/evil\\"; .fill 64, 1, 0; .popsection");'
        verdict = attack(pair, "", top=top, write=WRONG)
        assert verdict.status in (VerdictStatus.CANDIDATE_FAILED, VerdictStatus.DIFFERENT), verdict.reason


# -------------------------------------------------------------------------------------------- attacks on the compiler


@pytest.fixture
def small_compiler(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """The compiler gets little of everything."""
    limits = replace(compile.host.COMPILE_LIMITS, wall_seconds=4.0, memory_bytes=700 * MIB, file_bytes=32 * MIB)
    monkeypatch.setattr(compile.host, "COMPILE_LIMITS", limits)
    return limits


READERS = {
    "include": '#include "/etc/passwd"',
    "include of a link in /proc": '#include "/proc/self/root/etc/passwd"',
    "include through a macro": '#define FILE "/etc/shadow"\n#include FILE',
    "include of the environment": '#include "/proc/self/environ"\nint x = HOME;',
    "incbin": '__asm__(".incbin \\"/etc/passwd\\"");',
    "assembler include": '__asm__(".include \\"/etc/passwd\\"");',
    "embed": 'const char secret[] = {\n#embed "/etc/passwd"\n};',
    "dependency": '#pragma GCC dependency "/etc/passwd"\n#error it was found or not',
    "device": '#include "/dev/zero"',
    "itself": "#include __FILE__\n#error",
}


@pytest.mark.usefixtures("small_compiler")
@pytest.mark.parametrize("trick", READERS)
def test_the_compiler_reads_nothing_of_the_system(pair: Pair, trick: str) -> None:
    """Makes the compiler or the assembler read a file of the system: does not compile, and the reason shows nothing of
    the file."""
    verdict = pair.judge(READERS[trick] + "\n" + axpy_cuda())
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "root:" not in verdict.reason and "PATH=" not in verdict.reason


@pytest.mark.usefixtures("small_compiler")
def test_the_compiler_cannot_be_asked_which_files_exist(pair: Pair) -> None:
    """Is wrong only where the compiler finds the user's files: it does not, so it is equivalent."""
    files = ["/etc/passwd", str(Path.home() / ".bashrc"), __file__]
    top = "\n".join(f'#if __has_include("{file}")\n#define FOUND 1\n#endif' for file in files)
    verdict = attack(
        pair, "a += FOUND_ANY;", top=f"{top}\n#ifdef FOUND\n#define FOUND_ANY 1\n#else\n#define FOUND_ANY 0\n#endif\n"
    )
    assert verdict.status is VerdictStatus.EQUIVALENT, verdict.reason


BOMBS = {
    "templates": (
        "template <long n, long m> struct t { static const long v = t<n - 1, m>::v + t<n - 1, m + n>::v; };\n"
        "template <long m> struct t<0, m> { static const long v = m; };\nlong bomb = t<64, 0>::v;"
    ),
    "constexpr": (
        "constexpr long spin(long n) { long s = 0; for (long i = 0; i < n; i++) for (long j = 0; j < n; j++) s += i;"
        " return s; }\nconstexpr long bomb = spin(1L << 30);"
    ),
    "a constant array": "int bomb[1 << 28] = {1};",
    "a filled section": '__asm__(".fill 400000000, 8, 1");',
    "macros": "\n".join(["#define m0 1,1,"] + [f"#define m{k} m{k - 1} m{k - 1}" for k in range(1, 32)])
    + "\nint bomb[] = {m31};",
    "endless includes": '#include "unit.cpp"',
}


@pytest.mark.usefixtures("small_compiler")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_compile_bomb_fails_in_bounded_time(pair: Pair, bomb: str) -> None:
    """Makes the compiler use time, memory or disk without end: failed, soon."""
    begin = time.monotonic()
    verdict = pair.judge(BOMBS[bomb] + "\n" + axpy_cuda())
    assert verdict.status is VerdictStatus.CANDIDATE_FAILED
    assert "does not compile" in verdict.reason
    assert time.monotonic() - begin < 30
