"""Centralino links a hosted PBX to the CRM."""

VERSION = "0.1.0"
