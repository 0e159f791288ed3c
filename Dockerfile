# One image for every process; the command says which.
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY requirements.lock ./
RUN uv venv /opt/visto && uv pip install --python /opt/visto/bin/python --no-deps --require-hashes -r requirements.lock
COPY . .
RUN uv pip install --python /opt/visto/bin/python --no-deps --no-build-isolation --offline .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 visto && install -d -o visto /var/lib/visto
COPY --from=build /opt/visto /opt/visto
ENV PATH=/opt/visto/bin:$PATH VISTO_HOME=/var/lib/visto ANONYMIZED_TELEMETRY=False PYTHONUNBUFFERED=1
USER visto
WORKDIR /var/lib/visto
VOLUME /var/lib/visto
ENTRYPOINT ["visto"]
CMD ["--help"]
