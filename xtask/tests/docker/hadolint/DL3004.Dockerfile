FROM debian:12
RUN sudo ls
RUN apt-get install -y --no-install-recommends sudo=1
RUN /usr/bin/sudo ls
RUN a && $(sudo b)
ONBUILD RUN sudo ls
RUN ["sudo", "ls"]
