"""Who may call this service: TLS, tokens, what each token may do, and whether the service may start at all.

Files on disk -> `reloading` -> `tls` (certificates) and `tokens` -> `guard` (every call) -> `caller` (who it is) ->
`quota` (how much at once). `exposure` decides at start; `token_command` makes tokens.
"""
