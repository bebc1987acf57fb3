# expect DKL-DI-0002 at 3
FROM debian:12.5
VOLUME ["/etc", "/data"]
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
