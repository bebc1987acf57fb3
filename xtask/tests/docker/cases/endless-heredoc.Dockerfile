# expect SC1072 at 4
# expect SQ-D08 at 8
FROM debian:12.5
RUN <<EOF
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
