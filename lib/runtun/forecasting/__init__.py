"""Forecasting: baselines, metrics and the ways to forecast more than one step."""
