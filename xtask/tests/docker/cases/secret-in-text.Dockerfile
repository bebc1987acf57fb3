# expect CIS-DI-0010 at 3
FROM debian:12.5
RUN curl --header "Authorization: ghp_0123456789abcdefghijABCDEFGHIJ012345" https://example.com
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
