# One image for every part: workers, reducer, Flower, and commands that run once. With DEVICE=cuda it holds the extra `gpu`
# too, for workers on GPUs; nothing else needs torch and CUDA.
#
# The digest is that of all platforms; to renew it: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# What the project needs, by name: the stage below is made anew only when this list changes.
FROM ${BASE} AS requirements
ARG DEVICE=cpu
COPY pyproject.toml .
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        extras = ['s3', 'gpu'] if '${DEVICE}' == 'cuda' else ['s3']; \
        print(*p['dependencies'], *(name for extra in extras for name in p['optional-dependencies'][extra]), sep='\n')" \
        > /requirements.txt

FROM ${BASE} AS dependencies
# Where pip looks, if it is a place of one's own. Given when building; no layer of the image keeps it.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
RUN python -m venv --without-pip /opt/oshiwake && python -m venv /opt/build
COPY --from=requirements /requirements.txt .
RUN /opt/build/bin/pip --python /opt/oshiwake/bin/python install --no-cache-dir --requirement requirements.txt

# The project alone, in an environment at the same place, so that it can be laid over the other. Its compiled part needs a
# compiler and Python's headers, which are Debian's own where the base takes its Python from there.
FROM ${BASE} AS project
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev libpython3-dev
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
RUN python -m venv --without-pip /opt/oshiwake && python -m venv /opt/build
COPY . /source
RUN /opt/build/bin/pip --python /opt/oshiwake/bin/python install --no-cache-dir --no-deps /source

FROM ${BASE}
LABEL org.opencontainers.image.title="oshiwake" \
      org.opencontainers.image.description="Files every picture of an archive by the character it shows" \
      org.opencontainers.image.licenses="MIT"
# Whichever user the container is given may write to its volumes, which begin as these folders.
RUN /usr/sbin/useradd --uid 1000 --create-home oshiwake \
    && install --directory --mode 1777 /store /flower
COPY --from=dependencies /opt/oshiwake /opt/oshiwake
COPY --from=project /opt/oshiwake /opt/oshiwake
RUN pip --python /opt/oshiwake/bin/python check
ENV PATH=/opt/oshiwake/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OSHIWAKE_STORE=/store \
    OSHIWAKE_REFERENCES=/references \
    OSHIWAKE_OUTPUT=/sorted
USER oshiwake
WORKDIR /home/oshiwake
ENTRYPOINT ["producer"]
CMD ["--help"]
