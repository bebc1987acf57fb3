FROM debian:12 AS base
RUN apt-get update
FROM base AS unused
RUN apt-get update && apt-get install -y --no-install-recommends a=1
FROM debian:12 AS other
RUN apt-get update && apt-get install -y --no-install-recommends a=1 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
RUN --mount=type=cache,target=/var/lib/apt --mount=type=tmpfs,target=/var/cache/apt apt-get update
RUN --mount=type=cache,target=/var/lib/apt apt-get update
RUN apt update
RUN aptitude update && rm -r /var/lib/apt/lists/*
ONBUILD RUN apt-get update
