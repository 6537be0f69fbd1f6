"""Base models: where they lie, how they load, what their pixels mean."""
