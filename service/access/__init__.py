"""Who may call this service: TLS, tokens, what each token may do, and whether the service may start at all.

Files on disk, as `gapless.doors.listening` reads them again -> `tls` (certificates) and `tokens` -> `guard` (every
call) -> `caller` (who it is) -> `quota` (how much at once). `token_command` makes tokens.
"""
