"""The mutual-supervised loop: two models that make each other better, with execution as the judge."""
