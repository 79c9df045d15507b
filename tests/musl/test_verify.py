"""`musl verify` and `musl audit` as a user has them: files in, verdicts out, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.pairs import Pair
from musl.audit import anonymous, audit_lines, audit_page
from musl.errors import MachineError, UsageError
from musl.journal import Journal, is_final
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.preflight import preflight
from musl.report.verdict_record import VerdictRecord, VerdictTests
from musl.verdict import VerdictStatus
from musl.verify import verify_pairs

C = "void scale(float *a, int n) { for (int i = 0; i < n; i++) a[i] = 2.0f * a[i] + 1.0f; }\n"
CUDA = """
__global__ void kernel(float *a, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) a[i] = 2.0f * a[i] + 1.0f;
}
void scale(float *a, int n)
{
    float *d;
    if (n <= 0) return;
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    kernel<<<(n + 31) / 32, 32>>>(d, n);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
TESTS = [[[1.0, 2.0, 3.0], 3], [[0.5] * 40, 40]]
GOOD = {"id": "good", "c": C, "cuda": CUDA, "tests": TESTS}
WRONG = {"id": "wrong", "c": C, "cuda": CUDA.replace("+ 1.0f;\n}", "+ 2.0f;\n}"), "tests": TESTS}
BENCHMARK = {
    "cpp_code": "void scale ( float * a , int n ) { for ( int i = 0 ; i < n ; i ++ ) a [ i ] = 2 * a [ i ] ; }",
    "cuda_code": (
        "__global__ void k ( float * a , int n ) { int i = threadIdx . x ; if ( i < n ) a [ i ] = 2 * a [ i ] ; }"
    ),
    "cuda_wrapper": (
        "void scale_cuda(float *a, int n) { float *d; cudaMalloc(&d, COUNT * sizeof(float)); "
        "cudaMemcpy(d, a, COUNT * sizeof(float), cudaMemcpyHostToDevice); k<<<1, 64>>>(d, n); "
        "cudaMemcpy(a, d, COUNT * sizeof(float), cudaMemcpyDeviceToHost); cudaFree(d); }"
    ),
    "consistent_cpp_inputs": ["float a[] = {1, 2, 3};\nwrapper(scale, a, 3);", "float b[2];\nwrapper(scale, b, 0);"],
    "consistent_cuda_inputs": [
        "float a[] = {1, 2, 3};\nwrapper(scale_cuda, a, 3);",
        "float b[2];\nwrapper(scale_cuda, b, 0);",
    ],
    "consistent_outputs": ["", ""],
}


def write(folder: Path, *records: dict[str, object]) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def case(count: str, **changes: object) -> dict[str, object]:
    """The benchmark's case with a wrapper that copies `count` elements."""
    return {**BENCHMARK, "cuda_wrapper": str(BENCHMARK["cuda_wrapper"]).replace("COUNT", count), **changes}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", "from musl.cli import main; main()", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)


def test_verdicts_come_in_the_order_of_the_input(tmp_path: Path) -> None:
    pairs = [{**(WRONG if i == 1 else GOOD), "id": i} for i in range(5)]
    out = tmp_path / "verdicts.jsonl"
    report = verify_pairs(write(tmp_path, *pairs), out=out, jobs=2)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == list(range(5))
    assert [line["verdict"] for line in lines] == ["equivalent", "different", *["equivalent"] * 3]
    assert lines[1]["counterexample"]["where"] == "a"
    assert lines[1]["counterexample"]["index"] == 0
    assert lines[0]["tests"] == {
        "given": 2,
        "valid": 2,
        "run": 2,
        "passed": 2,
        "origin": "dataset",
        "first_dropped": "",
    }
    assert report.counts[VerdictStatus.DIFFERENT] == 1
    assert not list(tmp_path.glob("*.partial"))


def test_fuzz_tests_are_made_where_there_are_none(tmp_path: Path) -> None:
    without = {key: value for key, value in GOOD.items() if key != "tests"}
    (record,) = verify_pairs(write(tmp_path, without), tests=8).records
    assert record.verdict is VerdictStatus.EQUIVALENT
    assert record.tests.origin == "fuzz"
    assert record.tests.valid >= 8
    assert record.coverage is not None and record.coverage.line == 100


def test_the_strength_of_tests_is_measured(tmp_path: Path) -> None:
    (record,) = verify_pairs(write(tmp_path, GOOD), mutants=6).records
    assert record.coverage is not None and record.coverage.line == 100
    assert record.mutants is not None
    assert record.mutants.killed >= 4
    assert record.mutants.killed + record.mutants.survived + record.mutants.equivalent + record.mutants.stillborn == 6
    (case_record,) = verify_pairs(write(tmp_path, case("n")), mutants=4).records
    assert case_record.mutants is not None and case_record.mutants.killed >= 2


def test_the_command_exits_with_what_it_found(tmp_path: Path) -> None:
    done = run("verify", write(tmp_path, GOOD, WRONG))
    assert done.returncode == 3, done.stderr
    assert "wrong  different" in done.stdout
    assert "expected 3, got 4" in done.stdout
    assert "2 pairs: 1 equivalent, 1 different" in done.stdout
    assert run("verify", write(tmp_path, GOOD), "--json").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["pairs.jsonl", "--id", "other"], "there is no pair with the id other"),
        (["pairs.jsonl", "--device", "tpu"], "choose auto, emulator or gpu"),
        (["pairs.jsonl", "--device", "emulator", "--sanitizer", "memcheck"], "--sanitizer is for runs on a GPU"),
        (["pairs.jsonl", "--out", "no/such/folder/out.jsonl"], "cannot be written"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    done = run("verify", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    pairs = write(tmp_path, *({**GOOD, "id": i} for i in range(24)))
    out = tmp_path / "verdicts.jsonl"
    words = [sys.executable, "-c", "from musl.cli import main; main()", "verify", str(pairs), "--out", str(out)]
    process = subprocess.Popen([*words, "--jobs", "1"], start_new_session=True)
    partial = out.with_name("verdicts.jsonl.partial")
    until = time.monotonic() + 120
    while time.monotonic() < until and (not partial.is_file() or partial.read_text().count("\n") < 4):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    with partial.open("a") as file:
        file.write('{"id": 23, "verdict": "equiv')  # a line that the kill has cut off
    report = verify_pairs(pairs, out=out)
    assert report.resumed >= 3
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["id"], line["verdict"]) for line in lines] == [(i, "equivalent") for i in range(24)]


def test_an_earlier_run_with_other_settings_does_not_count(tmp_path: Path) -> None:
    out = tmp_path / "verdicts.jsonl"
    record = VerdictRecord(id="good", verdict=VerdictStatus.EQUIVALENT)
    for seed, known in ((0, 0), (0, 1), (1, 0)):
        with Journal(out, {"seed": seed}, VerdictRecord, is_final) as journal:
            assert len(journal.known) == known
            journal.add(record)


def test_verdicts_about_the_machine_are_tried_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", {}, VerdictRecord, is_final) as journal:
        journal.add(VerdictRecord(id=1, verdict=VerdictStatus.INFRASTRUCTURE))
    with Journal(tmp_path / "out", {}, VerdictRecord, is_final) as journal:
        assert journal.known == {}


def test_what_the_emulator_lacks_is_counted_apart(tmp_path: Path) -> None:
    inline = {**GOOD, "id": "ptx", "cuda": CUDA.replace("if (i < n)", 'asm("exit;"); if (i < n)')}
    record, good = verify_pairs(write(tmp_path, inline, GOOD)).records
    assert record.verdict is VerdictStatus.INFRASTRUCTURE
    assert "MUSL3" in record.reason
    assert good.verdict is VerdictStatus.EQUIVALENT


def test_a_machine_that_cannot_judge_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broken judge would say of the known pairs is played here; the rest is real."""
    for said in (VerdictStatus.INFRASTRUCTURE, VerdictStatus.EQUIVALENT):

        def played(judge: Judge, pair: Pair, said: VerdictStatus = said) -> VerdictRecord:
            return VerdictRecord(id=pair.id, verdict=said, reason="so it is")

        monkeypatch.setattr("musl.preflight.judge_pair", played)
        with pytest.raises(MachineError, match=f"this machine cannot judge: .* was judged {said}"):
            preflight(None)  # type: ignore[arg-type]


def test_a_pair_that_ends_its_worker_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in MuSL itself, and one that hangs; the other pairs are judged for real."""

    def crash(judge: Judge, pair: Pair) -> VerdictRecord:
        if pair.id == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if pair.id == "hang":
            time.sleep(60)
        return judge_pair(judge, pair)

    monkeypatch.setattr("musl.verify.judge_pair", crash)
    pairs = write(tmp_path, {**GOOD, "id": "crash"}, GOOD, {**GOOD, "id": "hang"}, WRONG)
    report = verify_pairs(pairs, jobs=1, timeout=8)
    assert [record.verdict.value for record in report.records] == [
        *("infrastructure", "equivalent", "infrastructure", "different")
    ]
    assert "crash" in report.records[0].reason
    assert "took longer than 8 s" in report.records[2].reason


def test_pairs_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{}\n")
    with pytest.raises(UsageError, match=r"pairs\.jsonl:1: it has no id, c, cuda"):
        verify_pairs(path)


# --------------------------------------------------------------------------------------------------------- benchmarks


def test_a_benchmark_case_is_judged_with_its_own_wrapper_and_tests(tmp_path: Path) -> None:
    (record,) = verify_pairs(write(tmp_path, case("n"))).records
    assert record.verdict is VerdictStatus.EQUIVALENT, record.reason
    assert (record.id, record.tests.given, record.tests.valid) == (0, 2, 2)


def test_an_array_shorter_than_the_wrapper_copies_is_extended(tmp_path: Path) -> None:
    (record,) = verify_pairs(write(tmp_path, case("8"))).records
    assert record.verdict is VerdictStatus.EQUIVALENT, record.reason


def test_a_wrapper_that_does_not_copy_its_output_in_differs(tmp_path: Path) -> None:
    wrapper = str(case("n")["cuda_wrapper"]).replace("cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);", "")
    (record,) = verify_pairs(write(tmp_path, case("n", cuda_wrapper=wrapper))).records
    assert record.verdict is VerdictStatus.DIFFERENT
    assert record.fault is not None and record.fault.kind == "uninitialised_read"


def test_a_wrapper_that_launches_nothing_shows_nothing(tmp_path: Path) -> None:
    wrapper = "void scale_cuda(float *a, int n) { for (int i = 0; i < n; i++) a[i] = 2 * a[i]; }"
    (record,) = verify_pairs(write(tmp_path, case("n", cuda_wrapper=wrapper))).records
    assert record.verdict is VerdictStatus.NO_VALID_TEST
    assert "no test launched a kernel" in record.reason


def test_tests_that_show_nothing_are_helped_by_fuzz_tests(tmp_path: Path) -> None:
    calls = ["float a[] = {0, 0};\nwrapper(scale, a, 2);"], ["float a[] = {0, 0};\nwrapper(scale_cuda, a, 2);"]
    weak = case("n", consistent_cpp_inputs=calls[0], consistent_cuda_inputs=calls[1])
    wide = str(weak["cuda_code"]).replace("threadIdx . x ;", "blockIdx . x * 64 + threadIdx . x ;")
    weak |= {"cuda_code": wide, "cuda_wrapper": str(weak["cuda_wrapper"]).replace("<<<1,", "<<<n / 64 + 1,")}
    (record,) = verify_pairs(write(tmp_path, weak)).records
    assert record.verdict is VerdictStatus.EQUIVALENT, record.reason
    assert record.tests.origin == "dataset+fuzz"
    assert "the outputs equal the inputs" in record.reason
    (alone,) = verify_pairs(write(tmp_path, weak), tests=0).records
    assert alone.verdict is VerdictStatus.NO_VALID_TEST


def test_the_audit_names_bad_pairs_without_their_code(tmp_path: Path) -> None:
    outside = case("n", cuda_code=str(BENCHMARK["cuda_code"]).replace("if ( i < n ) ", ""))
    path, page = write(tmp_path, case("n"), outside), tmp_path / "audit.md"
    done = run("audit", path, "--page", page)
    assert done.returncode == 3, done.stderr
    assert "1  reaches outside of an array: " in done.stdout
    text = page.read_text()
    assert "1 of 2 reference pairs are equivalent" in text
    assert "| 1 | out_of_bounds | test 1 of 2, schedule forward: out of bounds: the kernel block (0,0,0)" in text
    assert "scale" not in text and "kernel k " not in text


@pytest.mark.parametrize(
    ("evidence", "page"),
    [
        ("test 1 of 5: y[1]: expected -7, got -9", "test 1 of 5: element [1]: expected -7, got -9"),
        ("write of 4 bytes in add_cpu (3.cpp:1), 0 bytes", "write of 4 bytes in the function, 0 bytes"),
        ("kernel add block (0,0,0) thread (1,0,0) at 3.cu:1: store", "the kernel block (0,0,0) thread (1,0,0): store"),
        ("launch of add with grid (0,1,1)", "launch of the kernel with grid (0,1,1)"),
        ("it calls f_cpu, not f_gpu", "it calls another function"),
        ("(index 1), allocated at 3.cu:5 (its own", "(index 1) (its own"),
        ("no test launched a kernel the outputs", "no test launched a kernel the outputs"),
    ],
)
def test_names_of_the_code_are_left_out(evidence: str, page: str) -> None:
    assert anonymous(evidence) == page


def test_only_what_is_not_equivalent_is_a_bad_pair() -> None:
    records = [
        VerdictRecord(id=0, verdict=VerdictStatus.EQUIVALENT, tests=VerdictTests(given=2, valid=2)),
        VerdictRecord(id=1, verdict=VerdictStatus.RACY, reason="test 1"),
    ]
    assert [(line.id, line.kind) for line in audit_lines(records)] == [(1, "depends on the order of threads")]


def test_development_cases_keep_their_verdicts(shared_data: Path, tmp_path: Path) -> None:
    """Of the benchmark's own pairs: right ones, and bad ones of each kind with their verdicts."""
    expected = {"0": "equivalent", "9": "equivalent", "31": "different", "55": "out_of_bounds", "113": "no_valid_test"}
    report = verify_pairs(shared_data / "babeltower" / "unit_tests.dev.jsonl", ids=list(expected))
    assert {str(record.id): record.verdict.value for record in report.records} == expected
    assert "113" in audit_page(report)
