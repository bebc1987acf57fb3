FROM rockylinux:9
RUN yum install a-1 && yum clean all
RUN yum install -y a-1 && yum clean all
RUN yum -y groupinstall a
RUN yum --assumeyes install a-1 && yum clean all
RUN yum localinstall a.rpm
RUN yum update
ONBUILD RUN yum install a-1 && yum clean all
