# expect ExposeInvalidFormat at 5
# expect ExposeProtoCasing at 6
# expect DL1000 at 5
FROM debian:12.5
EXPOSE 127.0.0.1:80
EXPOSE 80/TCP
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
