# expect SQ-D06 at 3
FROM debian:12.5
ADD https://example.com/a.tgz /tmp/
ADD --checksum=sha256:0123456789abcdef https://example.com/b.tgz /tmp/
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
