"""Images: layers, the store, the plan, registries."""
