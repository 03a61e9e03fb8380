"""Data: generators, loaders, windows, scalers, vocabularies. NumPy and pandas only, no models."""
