FROM debian:12
RUN apt install a=1
RUN apt-get install -y --no-install-recommends a=1
RUN echo apt
ONBUILD RUN apt update
RUN exec apt install a
RUN command apt install a
