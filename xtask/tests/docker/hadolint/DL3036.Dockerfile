FROM opensuse/leap:15
RUN zypper install -y a=1
RUN zypper install -y a=1 && zypper clean
RUN zypper cc && zypper in -y a=1
RUN --mount=type=cache,target=/var/cache/zypp zypper install -y a=1
RUN zypper remove -y a
ONBUILD RUN zypper install -y a=1
