"""The world outside: AWS, the table, PBX and CRM providers."""
