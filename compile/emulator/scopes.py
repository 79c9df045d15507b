"""`keeps_addresses`: could a text use a local variable beyond its scope?

AddressSanitizer's check for that (-fsanitize-address-use-after-scope) takes a fifth of the time in which a small unit
compiles, and most texts could not fail it: they declare no local array and take no address but for the CUDA API to fill
in. Told by the words of the text; where they leave a doubt, the answer is yes.
"""

from __future__ import annotations

import re

# `cudaMalloc((void **)&a, ...)`: calls that do not keep the address.
_FILLED_IN = re.compile(
    r"\b(?:cudaMalloc\w*|cudaHostAlloc|cudaMemcpy|cudaEvent(?:Create|ElapsedTime)|cudaStreamCreate|cudaGetDevice\w*)"
    r"\s*\(\s*(?:\(\s*void\s*\*\s*\*\s*\)\s*)?&\s*[A-Za-z_]\w*"
)
_SHARED = re.compile(r"\b__shared__\b[^;={}&]*;")  # lives as long as its block
# Addresses, references and captures; `&` between two numbers too, for all that the words tell.
_ADDRESS = re.compile(r"(?<!&)&(?![&=])|&\s*&\s*[A-Za-z_]\w*\s*[;:=]")
# `float t[4]`, `float x = 0, t[4]`: two words, and then a bracket behind a name of the list.
_ARRAY = re.compile(
    r"\b(?!(?:else|return|new|case|throw|delete)\b)[A-Za-z_]\w*[\s*]+[A-Za-z_]\w*\s*(?:(?:=[^;{}]*)?,\s*\**\s*[A-Za-z_]\w*\s*)*(?:=[^;{}]*,\s*\**\s*[A-Za-z_]\w*\s*)?\["
)
# Objects and the C++ library may hold references of their own.
_OBJECT = re.compile(r"\b(?:class|struct|union|this|operator|std|auto|decltype)\b|##")


def keeps_addresses(cuda_text: str) -> bool:
    """Whether some pointer or reference may outlive the local variable that it points to."""
    text = _SHARED.sub(";", _FILLED_IN.sub("0", cuda_text))
    return any(pattern.search(text) for pattern in (_ADDRESS, _ARRAY, _OBJECT))
