# expect SQ-D08 at 4
# expect DL1000 at 4
FROM debian:12.5
INSTALL curl
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
