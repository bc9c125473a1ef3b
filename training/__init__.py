"""The recipe of the embedded encoder xite-mini: data, tokenizer, initialisation, distillation, evaluation, export."""
