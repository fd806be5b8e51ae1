"""Training and scoring of re-identification networks. Importing this pulls in no torch."""
