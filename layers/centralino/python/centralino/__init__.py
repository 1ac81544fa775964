"""Centralino links a hosted PBX to the CRM."""
