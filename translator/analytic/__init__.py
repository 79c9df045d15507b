"""The analytic Translator: dependence analysis instead of weights."""
