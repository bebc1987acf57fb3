# expect SQ-E01 at 9
# expect DL3003 at 10
# expect SQ-E02 at 11
# expect SQ-E03 at 12
FROM debian:12.5
# squall: allow DL3003, because the folder is made in the same line
RUN mkdir /a && cd /a
ENV A=1
# squall: allow DL3003
RUN cd /a
# squall: allow DL9999, because there is no such rule
# squall: allow DL3004, because nothing here is sudo
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
