FROM rockylinux:9
RUN yum install -y a-1
RUN yum install -y a-1 && yum clean all
RUN yum clean all && yum install -y a-1
RUN yum install -y a-1 && rm -rf /var/cache/yum/*
RUN yum install -y a-1 && rm -r /var/cache/yum
RUN --mount=type=cache,target=/var/cache/yum yum install -y a-1
ONBUILD RUN yum install -y a-1
