FROM debian:12
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      # a comment, and sudo in it
      a=1 \
   # another

      b=2 \
 && rm -rf /var/lib/apt/lists/*
RUN sudo \
x
RUN su\
do y
ENV A=1 \
    B=$A
COPY a \
  b \
  c
USER \
  root
