FROM python:3.12 AS base
RUN pip install a==1
RUN pip install --no-cache-dir a==1
RUN PIP_NO_CACHE_DIR=1 pip install a==1
RUN PIP_NO_CACHE_DIR=0 pip install a==1
RUN --mount=type=cache,target=/root/.cache/pip pip install a==1
RUN pipx install a==1
RUN python -m pip install a==1
RUN python -m pipenv install a==1
ENV PIP_NO_CACHE_DIR=off
RUN pip install a==1
ENV PIP_NO_CACHE_DIR=true
RUN pip install a==1
FROM base
RUN pip install a==1
FROM python:3.12
RUN pip install a==1
ONBUILD RUN pip install a==1
