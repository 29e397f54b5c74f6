"""Real servers, bad lines and slow links for the tests of transports."""
