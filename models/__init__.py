"""Language models: generation, fine-tuning, pretraining (later)."""
