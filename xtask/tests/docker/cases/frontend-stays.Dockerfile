# expect SQ-D13 at 3
FROM debian:12.5
ENV DEBIAN_FRONTEND=noninteractive
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
