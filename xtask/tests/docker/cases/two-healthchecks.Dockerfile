# expect DL3012 at 4
FROM debian:12.5
HEALTHCHECK CMD ["/bin/true"]
HEALTHCHECK CMD ["/bin/false"]
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
USER 10001
