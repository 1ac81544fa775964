"""CRM providers: a file here is a provider; it exports `Adapter` and nothing else."""
