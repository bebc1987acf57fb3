# expect DKL-DI-0003 at 3
FROM debian:12.5
RUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
