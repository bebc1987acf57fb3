# expect LegacyKeyValueFormat at 3
FROM debian:12.5
ENV PATHS /a /b
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
