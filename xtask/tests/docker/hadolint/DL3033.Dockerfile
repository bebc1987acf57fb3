FROM rockylinux:9 AS base
ARG V=1
ENV W=2
RUN yum install -y a && yum clean all
RUN yum install -y a-1.2 b-c-3 && yum clean all
RUN yum install -y a-devel && yum clean all
RUN yum install -y a-${V} b-${W} && yum clean all
RUN yum install -y a-${X} && yum clean all
RUN yum install -y a.rpm x-y.rpm && yum clean all
RUN yum module install -y a:1 && yum clean all
RUN yum module install -y a && yum clean all
RUN yum install -y a-1@2 && yum clean all
FROM base
RUN yum install -y a-${W} && yum clean all
FROM rockylinux:9
RUN yum install -y a-${W} && yum clean all
RUN yum install -y a-$V && yum clean all
ONBUILD RUN yum install -y a && yum clean all
