#!/bin/sh
# Puts the dashboards into a Grafana that runs elsewhere, as Grafana Cloud does; again to update them.
#
#   GRAFANA_URL=https://example.grafana.net GRAFANA_TOKEN=… ./grafana-cloud.sh
#
# The token is a service account's, with the role Editor. The dashboards take Grafana's default
# Prometheus data source.
set -eu

: "${GRAFANA_URL:?the address of Grafana}" "${GRAFANA_TOKEN:?a service account token}"
here=$(dirname "$0")

# The token goes in by standard input: arguments can be read by every user of this machine.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "$GRAFANA_TOKEN" |
    curl --config - --silent --show-error --header 'Content-Type: application/json' "$@"
}

# 409 or 412: the folder is there already.
status=$(call --output /dev/null --write-out '%{http_code}' \
  --data '{"uid": "aurora", "title": "Aurora"}' "${GRAFANA_URL%/}/api/folders")
case $status in
  200 | 409 | 412) ;;
  *) echo "Grafana answered $status to a new folder" >&2; exit 1 ;;
esac

request=$(mktemp)
trap 'rm -f "$request"' EXIT
for file in "$here"/grafana/dashboards/*.json; do
  {
    printf '{"folderUid": "aurora", "overwrite": true, "dashboard": '
    cat "$file"
    printf '}'
  } >"$request"
  call --fail --output /dev/null --data "@$request" "${GRAFANA_URL%/}/api/dashboards/db"
  echo "$(basename "$file" .json)"
done
