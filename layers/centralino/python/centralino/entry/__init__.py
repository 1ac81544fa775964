"""The edge: authentication, settings, errors to problem+json, observability."""
