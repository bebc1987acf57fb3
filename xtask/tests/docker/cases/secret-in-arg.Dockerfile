# expect DL3064 at 4
# expect DL3064 at 5
FROM debian:12.5
ARG NPM_TOKEN
ENV DB_PASSWORD=x
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
