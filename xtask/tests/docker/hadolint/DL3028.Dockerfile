FROM ruby:3.3
RUN gem install a
RUN gem install a:1 b:2
RUN gem install a -v 1
RUN gem install a --version 1
RUN gem install a --version=1
RUN gem i a
RUN gem install --no-document a
RUN gem install a:1 -- --with-x=y
RUN gem list a
ONBUILD RUN gem install a
