"""The floor: a function that does nothing."""


def handler(_event: object, _context: object) -> dict[str, object]:
    """Answer with a greeting."""
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "hello"}
