"""BabelTower's spacing: ordinary text is brought to it, its own files are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.token_spacing import spaced

CASES = {
    "operators": ("for(int i=0;i<n;++i)a[i]+=b->x<<2;", "for ( int i = 0 ; i < n ; ++ i ) a [ i ] += b -> x << 2 ;"),
    "members": ("int i=blockIdx.x*blockDim.x+threadIdx.x;", "int i = blockIdx . x * blockDim . x + threadIdx . x ;"),
    "numbers": ("x=1.0f+.5f-1e-5*0x1Fu+3.;", "x = 1.0f + .5f - 1e-5 * 0x1Fu + 3. ;"),
    "comments": ("f(); // one\n/* two\nlines */ g();\n", "f ( ) ; g ( ) ;"),
    "launches": ("add<<<grid,block,0,s>>>(a,n);", "add <<< grid , block , 0 , s >>> ( a , n ) ;"),
    "scopes": ("std::max(a,b);", "std :: max ( a , b ) ;"),
    "qualifiers": (
        'extern "C" __global__ void __launch_bounds__(256) k(const float*__restrict__ a);',
        'extern " C " __global__ void __launch_bounds__ ( 256 ) k ( const float * __restrict__ a ) ;',
    ),
    "signs": ("a=-1;b=a-1;c=(a)-1;return -2;", "a = -1 ; b = a - 1 ; c = ( a ) - 1 ; return -2 ;"),
    "signs of names": ("a=-b;c=x[0]-1;", "a = - b ; c = x [ 0 ] - 1 ;"),
    "signs after casts": ("a=(float)-1;b=sizeof(int)-1;", "a = ( float ) -1 ; b = sizeof ( int ) - 1 ;"),
    "literals": ('printf("%i != %i \\n", a);', 'printf ( " % i ▁ ! = ▁ % i ▁ \\n " , a ) ;'),
    "characters": ("c='a';d='\\'';", "c = ' a ' ; d = ' \\' ' ;"),
    "pragmas": ("#pragma omp parallel for\nfor(;;);", "#pragma omp parallel for ENDCOM for ( ; ; ) ;"),
    "directives": (
        "#include <math.h>\n#define TILE 16 // wide\n#if TILE>=8\nint a;\n#endif\n",
        "#include < math . h >\n#define TILE 16\n#if TILE >= 8\nint a ;\n#endif",
    ),
    "continued lines": ("#define F(x) \\\n  (x*x)\nint y=F(2);", "#define F ( x ) ( x * x )\nint y = F ( 2 ) ;"),
    "unknown words": ("int x<unk>1 ; x<unk>1 = 2 ;", "int x<unk>1 ; x<unk>1 = 2 ;"),
    "nothing": (" \n", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_ordinary_text_gets_babeltowers_spacing(name: str) -> None:
    text, expected = CASES[name]
    assert spaced(text) == expected


@pytest.mark.parametrize("name", CASES)
def test_spaced_text_stays_as_it_is(name: str) -> None:
    expected = CASES[name][1]
    assert spaced(expected) == expected
    assert spaced(f" {expected}\n") == expected


WORDS = ["x", "int", "return", "threadIdx", "__syncthreads", "f1"]
NUMBERS = ["0", "1.0f", "1e-5", "0.f", "255u"]
MARKS = ["(", ")", "[", "]", "{", "}", ";", ",", "*", "+", "<", ">", "=", "==", "+=", "->", ".", "&&", "<<<", "?", ":"]
LITERALS = ['"%d, %s\\n"', '"a \\" b"', "'c'", '""', '"// no comment"', '"\\\\"']
TOKENS = st.lists(st.sampled_from(WORDS + NUMBERS + MARKS + LITERALS), max_size=30)
GAPS = st.sampled_from([" ", "\n", "\t", "  ", " /* note */ ", " // note\n"])


@given(TOKENS, st.data())
def test_the_spacing_does_not_depend_on_how_the_text_was_laid_out(tokens: list[str], data: st.DataObject) -> None:
    other = "".join(token + data.draw(GAPS) for token in tokens)
    assert spaced(other + " ") == spaced("\n".join(tokens))


@given(TOKENS, st.data())
def test_spacing_twice_is_spacing_once(tokens: list[str], data: st.DataObject) -> None:
    once = spaced("".join(token + data.draw(GAPS) for token in tokens))
    assert spaced(once) == once
    assert "  " not in once


@given(TOKENS)
def test_what_is_no_white_space_is_kept_in_its_order(tokens: list[str]) -> None:
    together = "".join("".join(tokens).split())
    assert "".join(spaced("\n".join(tokens)).replace("▁", "").split()) == together


@pytest.mark.parametrize("name", ["cpp.para.valid.tok", "cuda.para.valid.tok"])
def test_babeltowers_own_lines_stay_as_they_are(shared_data: Path, name: str) -> None:
    lines = (shared_data / "babeltower" / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 184
    assert [spaced(line) for line in lines] == [line.strip() for line in lines]


def test_the_functions_of_the_unit_tests_stay_as_they_are(shared_data: Path) -> None:
    lines = (shared_data / "babeltower" / "unit_tests.dev.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)[key] for line in lines for key in ("cpp_code", "cuda_code")]
    assert [spaced(text) for text in texts] == [text.strip() for text in texts]
