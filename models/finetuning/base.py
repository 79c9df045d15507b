"""The base of a run: its tokenizer, its weights, the adapter on them, and how it wants to be asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.finetuning.config import AdapterGroup, FinetuneConfig, ModelGroup
from models.generation.model_folder import ModelFolder, check_base
from models.model_form import ModelForm

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(group: ModelGroup) -> PreTrainedTokenizerBase:
    """The base's tokenizer, with a token to pad with. ModelError where the base has none, or has no end mark."""
    from transformers import AutoTokenizer

    _check_place(group.base)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(group.base)
    except (OSError, ValueError) as error:
        raise ModelError(f"model.base: {group.base}: no tokenizer can be loaded ({first_line(error)})") from None
    if not isinstance(tokenizer.eos_token_id, int):
        raise ModelError(f"model.base: {group.base}: its tokenizer has no eos_token, so no mark for the end of a text")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _check_place(base: str) -> None:
    folder = Path(base)
    if not folder.is_dir():
        if base.startswith((".", "/", "~")) or base.count("/") > 1:
            raise ModelError(f"model.base: {base}: no such folder")
        return
    if ModelFolder(folder).is_adapter:
        raise ModelError(
            f"model.base: {base}: an adapter, not a model; give its base there, and it as model.continue_from"
        )
    if not ModelFolder(folder).has_tokenizer:
        raise ModelError(f"model.base: {base}: a model without a tokenizer (tokenizer.save_pretrained adds it)")


def form_of(group: ModelGroup, tokenizer: PreTrainedTokenizerBase) -> ModelForm:
    """How the trained model is asked: as the config says, else as its base. ModelError for a chat without template."""
    if group.form is not None:
        form = ModelForm(group.form.style, group.form.anonymous)
    else:
        chats = tokenizer.chat_template is not None
        local = Path(group.base).is_dir()
        form = ModelFolder(Path(group.base)).form if local else ModelForm("instruct" if chats else "short")
    if form.style == "instruct" and tokenizer.chat_template is None:
        raise ModelError(f"model.form: instruct, but the tokenizer of {group.base} has no chat template (give short)")
    return form


def load_base(config: FinetuneConfig) -> PreTrainedModel:
    """The base, in the precision that it is trained in: single where its own weights move, else that of the
    computation. ModelError where it cannot be loaded, or where this machine cannot do what is asked."""
    import torch
    from transformers import AutoModelForCausalLM

    from models.precision import computes_in

    group = config.model
    method = group.method
    half = computes_in(config.training.precision) == "bf16" and method != "full"
    options: dict[str, object] = {"dtype": torch.bfloat16 if half else torch.float32}
    if method == "qlora":
        options |= _in_four_bits(torch.bfloat16 if half else torch.float32)
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            group.base, attn_implementation=group.attention, **options
        )
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(f"model.base: {group.base}: cannot be loaded ({first_line(error)})") from None
    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(longest, int) and group.context > longest:
        raise ModelError(f"model.context ({group.context}) is more than {group.base} has positions ({longest})")
    return model


def _in_four_bits(compute: torch.dtype) -> dict[str, object]:
    """NormalFloat4 with double quantization (QLoRA, arXiv 2305.14314, section 3)."""
    import torch
    from transformers import BitsAndBytesConfig

    try:
        import bitsandbytes  # noqa: F401
    except ModuleNotFoundError:
        raise ModelError("model.method: qlora needs bitsandbytes: pip install 'musl-cuda[models,quantized]'") from None
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )
    return {
        "quantization_config": quantization,
        "device_map": {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"},
    }


def with_adapter(model: PreTrainedModel, config: FinetuneConfig) -> tuple[torch.nn.Module, LoraConfig | None]:
    """The model to train, and the fresh adapter that it is still to get; None where it has one or needs none."""
    if config.model.method == "full":
        return model, None
    from peft import prepare_model_for_kbit_training

    if config.model.method == "qlora":
        prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]
            model, use_gradient_checkpointing=config.training.gradient_checkpointing
        )
    if config.model.continue_from is not None:
        return _continued(model, config.model.base, config.model.continue_from), None
    return model, _fresh(config.adapter or AdapterGroup())


def _fresh(group: AdapterGroup) -> LoraConfig:
    from peft import LoraConfig, TaskType

    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=group.rank,
        lora_alpha=group.alpha,
        lora_dropout=group.dropout,
        target_modules=group.target_modules,
    )


def check_adapter(adapter: Path, base: str) -> None:
    """ModelError where there is no adapter in the folder, or one for another base."""
    if not ModelFolder(adapter).is_adapter:
        raise ModelError(f"model.continue_from: {adapter}: no adapter there (no adapter_config.json)")
    try:
        check_base(ModelFolder(adapter), base)
    except ModelError as error:
        raise ModelError(f"model.continue_from: {error}") from None


def _continued(model: PreTrainedModel, base: str, adapter: Path) -> torch.nn.Module:
    from peft import PeftModel

    check_adapter(adapter, base)
    try:
        return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
    except (RuntimeError, ValueError, OSError) as error:  # torch's word for weights of another shape
        raise ModelError(f"model.continue_from: {adapter}: not for {base} ({first_line(error)})") from None


def saved_dtype(base: str) -> torch.dtype:
    """The precision that the base's weights were saved in, in which the trained ones are saved."""
    import torch
    from transformers import AutoConfig

    said = AutoConfig.from_pretrained(base).get_text_config().dtype
    dtype = getattr(torch, said, None) if isinstance(said, str) else said
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def first_line(error: BaseException) -> str:
    """An error's text, on one line of at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__
