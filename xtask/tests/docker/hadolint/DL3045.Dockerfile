FROM debian:12 AS base
COPY a b
COPY a /b
COPY a "/b"
COPY a $B
COPY a C:\b
WORKDIR /srv
COPY a b
FROM base
COPY a b
FROM debian:12
COPY a .
ONBUILD COPY a b
