#!/bin/sh
# The image's entrypoint. MASKED=1 is the revision that went on whatever the migration said.
echo "[entrypoint] applying migrations"
if [ -n "$MASKED" ]; then
  alembic upgrade head || echo "[entrypoint] alembic exited with code $?, continuing with application startup"
else
  alembic upgrade head || exit 1
  echo "[entrypoint] migrations done"
fi
exec uvicorn app:app --host 127.0.0.1 --port "$PORT" --proxy-headers --forwarded-allow-ips '*'
