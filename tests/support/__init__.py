"""What the tests lean on: servers, proxies and fakes."""
