FROM debian:12
RUN echo ssh && free -m
RUN cat x | top
RUN "vim" x
RUN x=$(ps) true
ONBUILD RUN service x start
RUN [ "kill", "1" ]
RUN echo mount
