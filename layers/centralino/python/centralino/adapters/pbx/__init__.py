"""PBX providers: a file here is a provider."""
