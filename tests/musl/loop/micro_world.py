"""What configs/micro.yaml starts from: corpora of functions that are nearly alike, and a model with random weights."""

from __future__ import annotations

from pathlib import Path

from simple_rows import simple_rows, write_simple

from data.tokens.bpe import save_tokenizer
from data.tokens.lexical_vocabulary import CONFIG, SMALLEST_VOCABULARY, train_lexical
from data.tokens.tokompiler import encode
from models.model_form import ModelForm
from models.pretraining.sizes import Shape, new_model

SHAPE = Shape(layers=2, hidden=128, heads=4)


def make_micro_world(folder: Path) -> None:
    """Writes the files that configs/micro.yaml names into `folder`/build/micro."""
    root = folder / "build" / "micro"
    write_simple(root / "seed.parquet", 10, 1, "c")
    write_simple(root / "c.parquet", 18, 2, "c")
    write_simple(root / "cuda.parquet", 18, 3, "cuda")
    write_simple(root / "held_out.parquet", 4, 4, "c")
    texts = [encode(row.text, "c++").text for row in simple_rows(30, 5, "c")]
    texts += [encode(row.text, "cuda").text for row in simple_rows(30, 5, "cuda")]
    tokenizer = train_lexical(texts, SMALLEST_VOCABULARY)
    save_tokenizer(tokenizer, root / "base", CONFIG)
    end = tokenizer.token_to_id(CONFIG["eos_token"])
    assert isinstance(end, int)
    model = new_model("llama", SHAPE, vocabulary=tokenizer.get_vocab_size(), context=256, end=end, seed=1)
    model.save_pretrained(root / "base")
    ModelForm("short", anonymous=True).save(root / "base")
