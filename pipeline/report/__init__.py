"""`sluice report RUN`: one HTML file that says what a run made of its inputs, and at what cost."""
