# expect CIS-DI-0006 at 2
FROM debian:12.5
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
USER 10001
