"""The admin API: a module for each resource, on the Powertools resolver.

`api.py` lets requests in and answers them, `resolver.py` knows the routes and what an error looks
like, `models.py` what comes in and goes out, `document.py` the OpenAPI document. None of it is
imported by the call path.
"""
