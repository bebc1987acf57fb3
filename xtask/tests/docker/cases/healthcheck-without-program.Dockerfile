# expect SQ-D03 at 3
FROM debian:12.5
HEALTHCHECK CMD ["curl", "--fail", "http://127.0.0.1/"]
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
USER 10001
