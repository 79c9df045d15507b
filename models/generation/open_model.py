"""`open_generator`: the `Generator` behind a name: a local folder, a hub id, or a server. Importing this loads nothing
heavy."""

from __future__ import annotations

from typing import cast

from models.errors import ModelError
from models.generation.model_folder import ModelFolder, find_folder
from models.generation.protocol import Generator
from models.generation.server import ServerModel, ServerOptions, read_address
from models.model_form import ModelForm, read_form

# Answers at once where nobody says how many (docs/models.md has the figures).
_BATCH = 64


def open_generator(
    model: str,
    *,
    adapter: str | None = None,
    four_bit: bool = False,
    batch: int | None = None,
    server: ServerOptions | None = None,
) -> Generator:
    """The model that `model` names, ready to answer:

    - a local folder (of a model, of an adapter whose base is found by its name, or of a training run), or a hub id,
      with the PEFT adapter in the folder or hub id `adapter`, in 4-bit weights where asked, `batch` answers at once;
      an encoder-decoder model where the folder's form is "languages", else a causal one;
    - `openai:URL#MODEL` or `http(s)://HOST:PORT/v1#MODEL`: the model of that name on an OpenAI-compatible server, asked
      as `server` says, with the key in MUSL_API_KEY or OPENAI_API_KEY.

    ModelError, in one line, for what cannot be opened. A server is not asked before its first prompts.
    """
    if batch is not None and batch < 1:
        raise ModelError(f"batch: at least 1, not {batch}")
    if (address := read_address(model)) is not None:
        if adapter is not None or four_bit or batch is not None:
            raise ModelError(f"{model}: adapter, 4-bit weights and batch are the server's affair")
        return ServerModel(address, form_of(model), server or ServerOptions())
    base, adapter = _base_and_adapter(model, adapter)
    form = form_of(base, adapter=adapter)
    if form.style == "languages":
        if adapter is not None or four_bit:
            raise ModelError(f"{model}: a model of languages takes no adapter, and its weights as they are")
        return _open_encoder_decoder(model, form, batch or _BATCH)
    from models.generation.loading import load
    from models.generation.transformers_model import TransformersModel

    loaded = load(base, adapter, four_bit=four_bit)
    name = model if adapter in (None, model) else f"{model} with {adapter}"
    return TransformersModel(name, loaded.model, loaded.tokenizer, form, loaded.ends, loaded.context, batch or _BATCH)


def _open_encoder_decoder(model: str, form: ModelForm, batch: int) -> Generator:
    from models.generation.encoder_decoder import EncoderDecoderGenerator, language_ids
    from models.generation.loading import load_encoder_decoder

    folder = find_folder(model)
    assert folder is not None  # a form of languages stands in a folder
    loaded = load_encoder_decoder(folder)
    language_ids(loaded.tokenizer, model)
    ends = frozenset({cast("int", loaded.tokenizer.eos_token_id)})
    return EncoderDecoderGenerator(model, loaded.model, loaded.tokenizer, form, ends, loaded.context, batch)


def form_of(model: str, *, adapter: str | None = None) -> ModelForm:
    """How the model wants to be asked: what `musl.json` in the folder of its adapter or its own says, else what its
    files show (ModelFolder.form). A hub id, and a model on a server, is an instruct model, unless the server names it
    by a local folder that says otherwise. ModelError as `open_generator`."""
    address = read_address(model)
    if address is not None:
        served = read_form(ModelFolder(address.folder).path) if address.folder else None
        return served or ModelForm()
    model, adapter = _base_and_adapter(model, adapter)
    adapter_folder = find_folder(adapter) if adapter else None
    said = read_form(adapter_folder.path) if adapter_folder else None
    folder = find_folder(model)
    return said or (folder.form if folder else ModelForm())


def _base_and_adapter(model: str, adapter: str | None) -> tuple[str, str | None]:
    """The base model and its adapter, where `model` may be the adapter."""
    folder = find_folder(model)
    if folder is None or not folder.is_adapter:
        return model, adapter
    if adapter is not None:
        raise ModelError(f"{model}: an adapter cannot have another adapter ({adapter})")
    return folder.base, str(folder.path)
