"""Experiments: what the course measures, and how."""
