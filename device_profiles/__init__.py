"""Device profiles: what is known of phone models, in YAML, and its loader."""
