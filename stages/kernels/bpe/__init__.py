"""Byte-pair encoding: text to token ids, those of Hugging Face tokenizers to the last one."""
