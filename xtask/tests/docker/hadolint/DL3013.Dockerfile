FROM python:3.12
RUN pip install --no-cache-dir a==1 b>=2 'c~=3'
RUN pip install --no-cache-dir a
RUN pip3 install --no-cache-dir -r requirements.txt
RUN python3 -m pip install --no-cache-dir a==1 b
RUN pip install --no-cache-dir .
RUN pip install --no-cache-dir -c constraints.txt a
RUN pip install --no-cache-dir git+https://example.com/a.git
RUN pip install --no-cache-dir git+https://example.com/a.git@v1
RUN pip install --no-cache-dir ./a b.whl c.tar.gz
RUN pip install --no-cache-dir --index-url https://example.com a==1
RUN pip install --no-cache-dir --index-url=https://example.com a
RUN pip install --no-cache-dir --upgrade pip
RUN pipenv install a
RUN pip download a
ONBUILD RUN pip install --no-cache-dir a
RUN pip install --no-cache-dir "a[x]==1" b/c
