FROM python:3.11-slim

RUN useradd --system --no-create-home orderflow \
 && install --directory --owner=orderflow /data
WORKDIR /app

# The lock file is complete, so nothing is resolved: exactly what is written there is installed.
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY orderflow_dash orderflow_dash
COPY assets assets

ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PORT=8050 ORDERFLOW_DEMO=off DATABASE_URL=sqlite:////data/minutes.sqlite3
VOLUME /data
EXPOSE 8050
USER orderflow

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import http.client, os, sys; \
app = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); \
app.request('GET', os.environ.get('ORDERFLOW_PREFIX', '').rstrip('/') + '/health'); \
sys.exit(app.getresponse().status != 200)"]
CMD ["gunicorn", "-c", "python:orderflow_dash.server.gunicorn_config", "orderflow_dash.wsgi:server"]
