# expect FromAsCasing at 2
FROM debian:12.5 as build
FROM build
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
