"""The zoo: students, teachers, front-end, conversion, fidelity and accuracy of embeddings."""
