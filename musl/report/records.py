"""`TranslationReport`: the JSON report of `translate`, one object a file. Field names are part of the interface."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from musl.report.codes import INTERNAL_ERROR

FunctionStatus = Literal["verified", "unverified", "not_translated", "failed"]


class Record(BaseModel):
    """Base: immutable, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ParallelRecord(Record):
    """A loop that became parallel: its line in the source, its iterators, its kernel, and its form (`grid`, ...)."""

    line: int
    iterators: list[str]
    kernel: str
    form: str


class RemarkRecord(Record):
    """A reason with its stable code and place: a loop that stayed sequential, or a function that was refused."""

    code: str
    message: str
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.code} {self.file}:{self.line}:{self.column}: {self.message}"


class TestsRecord(Record):
    """Tests on which the parallel path ran, those that passed, and inputs dropped because the C side rejects them."""

    __test__ = False  # not a pytest class

    run: int = 0
    passed: int = 0
    dropped: int = 0


class CoverageRecord(Record):
    """Percent of the function's lines and branches that the tests execute; null where there is no branch."""

    line: float
    branch: float | None


class CounterexampleRecord(Record):
    """The first difference: the test, the value (`return` or a parameter), the flat index, and the inputs in short."""

    test: str
    where: str
    index: int | None
    expected: str
    got: str
    inputs: dict[str, str]


class SampleRecord(Record):
    """A translation of a function that was tried: who wrote it, which sample it is, and what came of it."""

    translator: str
    sample: int
    status: FunctionStatus
    reason: str = ""


class FunctionRecord(Record):
    """One function. `code` and `reason` say why it is not `verified`; both are empty where it is. `translator` wrote
    the translation that the record is about, `samples` are those that were tried, in order."""

    name: str
    line: int
    status: FunctionStatus
    code: str = ""
    reason: str = ""
    parallel: list[ParallelRecord] = []
    remarks: list[RemarkRecord] = []
    tests: TestsRecord = TestsRecord()
    coverage: CoverageRecord | None = None
    translator: str = ""
    samples: list[SampleRecord] = []
    schedules: list[str] = []
    counterexample: CounterexampleRecord | None = None
    seconds: float = 0.0


class HelperRecord(Record):
    """A function with nothing of its own to make parallel that runs on the device inside verified functions."""

    name: str
    line: int
    inside: list[str]


class ProgramRecord(Record):
    """The whole program, for a file with `main`: runs of both versions and how many printed and returned the same."""

    runs: int
    passed: int
    reason: str = ""


class TranslationReport(Record):
    """What became of one file. `output` is the file written, null where none was.

    `notes` are what is to be said of the file as a whole, `warnings` are nvcc's.
    """

    file: str
    translator: str
    tester: str
    device: str
    seconds: float
    functions: list[FunctionRecord]
    output: str | None
    backup: str | None = None
    helpers: list[HelperRecord] = []
    program: ProgramRecord | None = None
    warnings: list[str] = []
    notes: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether every selected function was translated and verified."""
        return bool(self.functions) and all(function.status == "verified" for function in self.functions)

    @property
    def exit_code(self) -> int:
        """0 when `ok`; 1 when MuSL itself failed on a function; else 3."""
        if any(function.code == INTERNAL_ERROR for function in self.functions):
            return 1
        return 0 if self.ok else 3
