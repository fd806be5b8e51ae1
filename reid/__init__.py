"""Re-identification: OSNet, embeddings, and the linker that joins tracks of many cameras into identities."""
