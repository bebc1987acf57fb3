# expect DL3006 at 2
FROM nginx
LABEL org.opencontainers.image.title=a org.opencontainers.image.source=b org.opencontainers.image.version=1 org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
