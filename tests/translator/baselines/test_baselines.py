"""The baselines that learn nothing: the source as a kernel, and the translation of the nearest known function."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.find_functions import find_functions
from data.source_file import SourceFile
from models.errors import GenerationError
from models.generation.protocol import Answer, Generator, Prompt, Sampling
from models.model_form import ModelForm
from translator.baselines.copying import COPY_FORM, CopiedSource, as_kernel
from translator.baselines.nearest import NEAREST_FORM, NearestPair
from translator.baselines.similar import SimilarTexts, sentence_bleu
from translator.neural.batch import translate_batch
from translator.neural.prompts import Direction
from translator.neural.read_answer import Snippet
from translator.neural.translator import NeuralTranslator
from translator.protocol import Translation, TranslationOptions

INDEX = "int t = blockIdx.x * blockDim.x + threadIdx.x;"
PAIRS = [
    (
        "void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a * x[i]; }",
        f"__global__ void scale_gpu(int n, float a, float *x) {{ {INDEX} if (t < n) x[t] = a * x[t]; }}",
    ),
    (
        "void fill(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a; }",
        f"__global__ void fill_gpu(int n, float a, float *x) {{ {INDEX} if (t < n) x[t] = a; }}",
    ),
    (
        "void total(int n, const int *x, int *out) { for (int i = 0; i < n; i++) out[0] += x[i]; }",
        f"__global__ void total_gpu(int n, const int *x, int *out) {{ {INDEX} if (t < n) atomicAdd(out, x[t]); }}",
    ),
]
STRETCH = """\
void stretch(int count, float by, float *values)
{
    for (int k = 0; k < count; k++)
        values[k] = by * values[k];
}
"""


def texts_of(
    generator: Generator, form: ModelForm, text: str, name: str, direction: Direction = "c2cuda", samples: int = 1
) -> list[str]:
    """What comes of the answers; every one of them has to be a translation."""
    answers = translate_batch(generator, form, [("one", text, name, direction)], Sampling(samples))["one"]
    assert all(isinstance(one, Snippet) for one in answers), answers
    return [one.text for one in answers if isinstance(one, Snippet)]


def test_the_copied_source_is_a_kernel_of_the_same_parameters_and_body() -> None:
    (text,) = texts_of(CopiedSource(), COPY_FORM, STRETCH, "stretch")
    assert text == "__global__ void stretch_kernel" + STRETCH.removeprefix("void stretch")
    assert as_kernel("static inline float f(float x) { return f(x); }") == (
        "__global__ void f_kernel(float x) { return f(x); }"
    )
    assert as_kernel("int x;") == "int x;"
    both = "static int g(int x) { return x; }\nvoid f(int *x) { x[0] = g(1); }"
    assert as_kernel(both).splitlines() == [
        "static int g(int x) { return x; }",
        "__global__ void f_kernel(int *x) { x[0] = g(1); }",
    ]


def test_the_copied_kernel_is_a_c_function() -> None:
    (text,) = texts_of(CopiedSource(), COPY_FORM, PAIRS[0][1], "scale_gpu", "cuda2c")
    assert text.strip() == PAIRS[0][1].removeprefix("__global__ ")


def test_the_nearest_pair_is_read_over_the_sources_names() -> None:
    (text,) = texts_of(NearestPair("nearest", PAIRS), NEAREST_FORM, STRETCH, "stretch")
    assert "(int count, float by, float *values)" in text and "= by * values[" in text
    assert not {"scale", "scale_gpu"} & set(text.replace("(", " ").split())


def test_further_samples_come_from_further_pairs_and_the_last_again() -> None:
    texts = texts_of(NearestPair("nearest", PAIRS[:2]), NEAREST_FORM, STRETCH, "stretch", samples=3)
    assert "by * values" in texts[0] and "by * values" not in texts[1] and texts[1] == texts[2]


def test_the_nearest_pair_of_a_kernel_is_c() -> None:
    kernel = f"__global__ void put(int n, float v, float *to) {{ {INDEX} if (t < n) to[t] = v; }}"
    (text,) = texts_of(NearestPair("nearest", PAIRS), NEAREST_FORM, kernel, "put", "cuda2c")
    assert "__global__" not in text and "(int n, float v, float *to)" in text and "] = v;" in text


@pytest.mark.parametrize("generator", [CopiedSource(), NearestPair("nearest", PAIRS)])
def test_baselines_tell_their_progress_and_search_no_beams(generator: Generator) -> None:
    told: list[int] = []
    prompts = [Prompt(str(i), STRETCH, task="c2cuda") for i in range(3)]
    answers = generator.generate(prompts, Sampling(samples=2), told.append)
    assert told == [1, 2, 3] and all(isinstance(one, Answer) for given in answers.values() for one in given)
    with pytest.raises(GenerationError, match="beam search is for encoder-decoder models"):
        generator.generate(prompts, Sampling(beams=2))


def test_a_baseline_is_a_translator_of_whole_files() -> None:
    source = SourceFile(Path("file.c"), STRETCH, "c")
    functions = find_functions(source).functions
    translator = NeuralTranslator(NearestPair("nearest", PAIRS), NEAREST_FORM)
    (translation,) = translator.translate(source, functions, TranslationOptions())["stretch"]
    assert isinstance(translation, Translation) and "stretch_kernel<<<" in translation.host_wrapper


def test_bleu_prefers_the_order_where_words_are_equal() -> None:
    texts = SimilarTexts(["c b a d", "a b c d", "a b c x"])
    assert texts.nearest("a b c d", 3) == [1, 2, 0]
    assert texts.nearest("nothing alike") == [0]


def test_sentence_bleu_is_one_for_equal_texts_and_punishes_shortness() -> None:
    words = list("abcdef")
    assert sentence_bleu(words, words) == pytest.approx(1)
    assert sentence_bleu(words[:3], words) == pytest.approx(0.36787944, abs=1e-6)  # exp(1 - 6/3)
    assert sentence_bleu([], words) == sentence_bleu(["x"], words) == 0
    # (5/6 * (3+1)/(5+1) * (2+1)/(4+1) * (1+1)/(3+1)) ** (1/4): one word of six is another
    assert sentence_bleu(list("abcdxf"), words) == pytest.approx((5 / 6 * 4 / 6 * 3 / 5 * 2 / 4) ** 0.25)
