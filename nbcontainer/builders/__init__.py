"""Builders: what turns an ImagePlan into an image."""
