FROM debian:12
RUN cd /tmp && ls
RUN ls -cd /tmp
RUN (cd /a; b)
RUN echo "cd /a"
ONBUILD RUN cd /a
RUN if true; then cd /a; fi
