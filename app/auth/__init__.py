"""Who may call what: API keys with scopes, a rate for each key, no calls by foreign web pages."""
