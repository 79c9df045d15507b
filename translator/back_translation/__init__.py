"""The baseline: translation learned without pairs, as TransCoder (Roziere et al. 2020, arXiv 2006.03511) learns it.

    masked_lm.py        1. one encoder for both languages learns to fill in what is hidden; the decoder begins as its
    copy denoise.py          2. source and target are one text: the source with noise, the target without
    back_translate.py      the model's own translation of a text is the source, the text itself the target
    finetune.py         3. optional: pairs

train.py runs them one after the other, config.py says what can be asked for. docs/back_translation.md is the guide.
"""
