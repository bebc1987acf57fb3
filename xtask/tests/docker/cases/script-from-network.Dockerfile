# expect SQ-D09 at 4
FROM debian:12.5
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl --fail https://example.com/i.sh | sh
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
