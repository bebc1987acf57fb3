# expect CIS-DI-0001 at 6
# expect DL3066 at 6
FROM debian:12.5
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER squall
