"""Retrieval: reading, chunking, embedding and hybrid search over Chroma."""
