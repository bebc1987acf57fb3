FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends a=1 b=2 && rm -rf /var/lib/apt/lists/*
RUN apt-get install -y --no-install-recommends a=1 b
RUN apt-get install -y --no-install-recommends ./x.deb a/stable
RUN apt-get -t stable install -y --no-install-recommends a=1
RUN apt-get install -y --no-install-recommends -t stable a=1
RUN apt-get install -y --no-install-recommends --target-release=stable a
RUN DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $PACKAGES
RUN apt-get remove a
ONBUILD RUN apt-get install -y --no-install-recommends a
RUN apt-get install -y --no-install-recommends \
    # what it is for
    a=1 \

    b
