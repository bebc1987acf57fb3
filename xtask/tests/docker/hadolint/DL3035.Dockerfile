FROM opensuse/leap:15
RUN zypper dist-upgrade -y
RUN zypper dup -y
RUN zypper update -y
ONBUILD RUN zypper dup
