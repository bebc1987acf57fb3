FROM opensuse/leap:15
RUN zypper install a=1 && zypper clean
RUN zypper install -y a=1 && zypper clean
RUN zypper -n in a=1 && zypper cc
RUN zypper --non-interactive remove a
RUN zypper rm a
RUN zypper patch
RUN zypper refresh
ONBUILD RUN zypper install a=1 && zypper clean
