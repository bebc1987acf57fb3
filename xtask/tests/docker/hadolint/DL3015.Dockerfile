FROM debian:12
RUN apt-get install -y a=1
RUN apt-get install -y --no-install-recommends a=1
RUN apt-get install -y -o APT::Install-Recommends=false a=1
RUN apt-get -y --no-install-recommends install a=1 && apt-get -y install b=1
ONBUILD RUN apt-get install -y a=1
