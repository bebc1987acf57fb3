FROM opensuse/leap:15
RUN zypper install -y a && zypper clean
RUN zypper install -y a=1 'b>=2' 'c<3' && zypper clean
RUN zypper in -y a.rpm && zypper clean
ONBUILD RUN zypper install -y a && zypper clean
