"""Figures: functions that take data and return a matplotlib Figure, one style for all pages."""
