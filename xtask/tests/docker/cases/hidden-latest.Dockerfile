# expect SQ-D01 at 3
ARG IMAGE=nginx:latest
FROM $IMAGE
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
