"""`SIZES`: the shapes of model that pretraining knows by name, and a fresh model of a shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

Family: TypeAlias = Literal["gpt_neox", "llama"]


@dataclass(frozen=True)
class Shape:
    """A decoder: its layers, its width `hidden`, and the attention heads that share the width."""

    layers: int
    hidden: int
    heads: int

    @property
    def holds_induction_heads(self) -> bool:
        """Whether the circuit of models/pretraining/induction.py fits in: three heads that share a token, and beside
        it room for three signatures of half a head's size."""
        return self.layers >= 2 and self.heads in (3, 4) and self.hidden % (4 * self.heads) == 0


# Parameters without embeddings: 12 * layers * hidden**2.
SIZES: Mapping[str, Shape] = MappingProxyType(
    {
        "micro": Shape(layers=2, hidden=64, heads=2),  # 0.1 M: tests
        "tiny": Shape(layers=6, hidden=256, heads=8),  # 4.7 M, 6.8 M with 4,096 tokens: two CPU cores
        "small": Shape(layers=12, hidden=768, heads=12),  # 85 M, 110 M with 16,384 tokens: one GPU
        # PolyCoder 2.7B (arXiv 2202.13169: 32 layers of width 2560) cut down to the 0.9 B that MonoCoder states
        # (arXiv 2312.13322): 629 M in 8 layers, 887 M with the embeddings of 50,304 tokens.
        "0.9b": Shape(layers=8, hidden=2560, heads=32),
    }
)


def new_model(
    family: Family,
    shape: Shape,
    *,
    vocabulary: int,
    context: int,
    end: int,
    seed: int,
    induction_heads: bool = False,
) -> PreTrainedModel:
    """A model with fresh weights that `seed` decides. `vocabulary` counts tokens, `end` is the one that ends a text;
    `induction_heads` has a Llama begin with the circuit of models/pretraining/induction.py, and its embeddings tied."""
    from torch import manual_seed
    from transformers import AutoModelForCausalLM, LlamaForCausalLM

    from models.pretraining.induction import ROPE_THETA, give_induction_heads

    manual_seed(seed)
    architecture = _architecture(family, shape, vocabulary, context, end)
    if induction_heads:
        architecture.tie_word_embeddings = True
        architecture.rope_parameters = {"rope_type": "default", "rope_theta": ROPE_THETA}
    model: PreTrainedModel = AutoModelForCausalLM.from_config(architecture)
    if induction_heads:
        if not isinstance(model, LlamaForCausalLM):
            raise ValueError(f"{family}: only a llama can be given induction heads")
        give_induction_heads(model, seed)
    return model


def _architecture(family: Family, shape: Shape, vocabulary: int, context: int, end: int) -> PretrainedConfig:
    from transformers import GPTNeoXConfig, LlamaConfig

    if family == "gpt_neox":
        return GPTNeoXConfig(
            vocab_size=vocabulary,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=4 * shape.hidden,
            max_position_embeddings=context,
            bos_token_id=end,
            eos_token_id=end,
        )
    if family == "llama":
        return LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            # Three matrices instead of two: 8/3 of the width has the parameters of GPT-NeoX's 4 (arXiv 2002.05202).
            intermediate_size=-(-8 * shape.hidden // 3 // 32) * 32,
            max_position_embeddings=context,
            bos_token_id=end,
            eos_token_id=end,
        )
    assert_never(family)


def flops_per_token(parameters: int, shape: Shape, context: int) -> float:
    """Floating-point operations of forward and backward for one trained token: 6 N + 12 L H Q T (PaLM, arXiv
    2204.02311, appendix B), the input embedding being counted in N."""
    return 6.0 * parameters + 12.0 * shape.layers * shape.hidden * context
