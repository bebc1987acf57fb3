FROM debian:12
RUN apt-get install --no-install-recommends a=1
RUN apt-get install --no-install-recommends -y a=1
RUN apt-get -qq install --no-install-recommends a=1
RUN apt-get -q install --no-install-recommends a=1
RUN apt-get -q -q install --no-install-recommends a=1
RUN apt-get -q=2 install --no-install-recommends a=1
RUN apt-get --assume-yes install --no-install-recommends a=1
RUN apt-get --yes install --no-install-recommends a=1
RUN apt-get install --no-install-recommends -fyq a=1
ONBUILD RUN apt-get install --no-install-recommends a=1
