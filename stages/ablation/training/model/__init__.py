"""The model and its arithmetic: Llama, attention within documents, loss, optimizer."""
