"""What pages on the user's own machine share: who may speak to them, and how they are served."""
