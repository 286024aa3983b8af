#!/usr/bin/env bash
# A 2 KB read with everything on, against the same upstream directly and behind nginx as pass-through.
# Prints requests/s, p50, p99 and CPU a request; then resident memory over 100,000 reads. Loopback only, bounded.
#
#     cargo build --release --bin demo --bin portcullis && examples/benches/read.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in nginx wrk python3 curl; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 0; }
done
seconds=${SECONDS_A_RUN:-4} rounds=${ROUNDS:-3} reads=${READS:-100000}
work=$(mktemp -d)
chmod 755 "$work" # nginx gives up its rights
bin=$PWD/target/release
started=()
finish() { for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"; }
trap finish EXIT

# Keys and a token: the demo makes both.
"$bin/demo" --once --folder "$work/demo" >/dev/null

python3 - "$work" <<'PY'
import json, pathlib, re, sys
work = pathlib.Path(sys.argv[1])
demo = json.loads((work / "demo/demo.json").read_text())
patient = {
    "resourceType": "Patient", "id": "ann",
    "meta": {"versionId": "7", "lastUpdated": "2026-11-01T10:00:00Z"},
    "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">" + "Ann Example. " * 30 + "</div>"},
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": demo["patients"]["ann"]["nhs_number"]},
                   {"system": "https://hospital.example/mrn", "value": "0012345"}],
    "active": True,
    "name": [{"use": "official", "family": "Example", "given": ["Ann", "Rose"], "prefix": ["Mrs"]}],
    "telecom": [{"system": "phone", "value": "01632 960123", "use": "home"}, {"system": "email", "value": "ann@example.org"}],
    "gender": "female", "birthDate": "1941-05-02",
    "address": [{"use": "home", "line": ["1 Sample Street"], "city": "Eastshire", "postalCode": "ZZ99 3VZ"}],
    "contact": [{"name": {"family": "Example", "given": ["Bob"]}, "telecom": [{"system": "phone", "value": "01632 960124"}]}],
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}}],
    "generalPractitioner": [{"reference": "Organization/gp-1", "display": "A practice"}],
    "managingOrganization": {"reference": "Organization/rx1"},
}
def bundle(*resources):
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources),
            "entry": [{"resource": r, "search": {"mode": "match"}} for r in resources]}
team = {"resourceType": "CareTeam", "id": "ct1", "status": "active", "subject": {"reference": "Patient/ann"},
        "participant": [{"member": {"type": "Organization", "identifier": {
            "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}}}]}
root = work / "www/fhir"
files = {"Patient/ann": patient, "Patient/_search": bundle(patient), "CareTeam/_search": bundle(team),
         "Encounter/_search": bundle(), "ServiceRequest/_search": bundle(), "EpisodeOfCare/_search": bundle()}
for name, content in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
common = """
    access_log off;
    keepalive_requests 1000000;
"""
(work / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 1024; }}
http {{ {common} default_type application/fhir+json; sendfile on; tcp_nopush on;
  client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  server {{ listen 127.0.0.1:18090; root {work}/www; location / {{ error_page 405 =200 $uri; }} }} }}
""")
(work / "proxy.conf").write_text(f"""
worker_processes 1; daemon off; pid {work}/proxy.pid; error_log {work}/proxy-error.log;
events {{ worker_connections 1024; }}
http {{ {common}
  client_body_temp_path {work}/b2; proxy_temp_path {work}/p2; fastcgi_temp_path {work}/f2; uwsgi_temp_path {work}/u2; scgi_temp_path {work}/s2;
  upstream held {{ server 127.0.0.1:18090; keepalive 64; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:18091; location / {{ proxy_pass http://held; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
""")
site = (work / "demo/config/portcullis.toml").read_text()
site = site.replace(f'base = "{demo["systems"]["hospital"]}"', 'base = "http://127.0.0.1:18090/fhir"')
site = re.sub(r'(?m)^state = .*$', f'state = "{work}/state"', site)
site = re.sub(r'(?ms)^\[\[mllp\]\].*?(?=^\[)', '', site)
(work / "demo/config/bench.toml").write_text(site)
(work / "token").write_text(demo["tokens"]["social_worker"])
(work / "base").write_text(demo["base"])
(work / "ops").write_text(demo["ops"])
PY
base=$(cat "$work/base") token=$(cat "$work/token")
nginx -c "$work/nginx.conf" & started+=($!)
nginx -c "$work/proxy.conf" & started+=($!)
proxy=$!
"$bin/portcullis" serve --config "$work/demo/config/bench.toml" 2>"$work/serve.log" & started+=($!)
gateway=$!
for _ in $(seq 1 100); do curl -sf -o /dev/null "$(cat "$work/ops")/health/ready" && break; sleep 0.1; done
status=$(curl -s -o "$work/one.json" -w '%{http_code}' -H "Authorization: Bearer $token" "$base/hospital/fhir/Patient/ann")
[ "$status" = 200 ] || { echo "the read answers $status"; cat "$work/one.json" "$work/serve.log"; exit 1; }
echo "upstream body $(stat -c %s "$work/www/fhir/Patient/ann") bytes, answer $(stat -c %s "$work/one.json") bytes"

cpu() { # pid and its children, in clock ticks
  local sum=0 pid
  for pid in "$1" $(pgrep -P "$1" || true); do
    sum=$((sum + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
  done
  echo "$sum"
}
run() { # name url pid
  local before after
  before=$(cpu "$3")
  wrk -t1 -c16 -d"${seconds}s" --latency -H "Authorization: Bearer $token" "$2" >"$work/wrk.txt"
  after=$(cpu "$3")
  grep -q 'Non-2xx' "$work/wrk.txt" && { cat "$work/wrk.txt"; exit 1; }
  awk -v name="$1" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" '
    /50%/ {p50=$2} /99%/ {p99=$2} /requests in/ {n=$1} /Requests\/sec/ {rps=$2}
    END {printf "%s\t%.0f\t%s\t%s\t%.0f\n", name, rps, p50, p99, ticks / hz * 1e6 / n}' "$work/wrk.txt" | tee -a "$work/rows"
}
echo "target	requests/s	p50	p99	CPU us/request"
for _ in $(seq 1 "$rounds"); do
  run direct http://127.0.0.1:18090/fhir/Patient/ann "${started[0]}"
  run nginx http://127.0.0.1:18091/fhir/Patient/ann "$proxy"
  run portcullis "$base/hospital/fhir/Patient/ann" "$gateway"
done
python3 - "$work/rows" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, rps, *_ = line.split("\t")
    rows.setdefault(name, []).append(float(rps))
median = {name: statistics.median(found) for name, found in rows.items()}
print(f"median requests/s: {median}; portcullis / nginx pass-through = {median['portcullis'] / median['nginx']:.2f}")
PY
echo "resident memory of portcullis over $reads reads"
python3 - "$gateway" "$base" "$token" "$reads" <<'PY'
import http.client, sys, threading, urllib.parse
pid, base, token, reads = sys.argv[1], urllib.parse.urlparse(sys.argv[2]), sys.argv[3], int(sys.argv[4])
def rss():
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")) / 1024
def reader(count):
    connection = http.client.HTTPConnection(base.hostname, base.port)
    for _ in range(count):
        connection.request("GET", "/hospital/fhir/Patient/ann", headers={"Authorization": "Bearer " + token})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
print(f"{0:>7} {rss():.1f} MiB")
for step in range(1, 5):
    threads = [threading.Thread(target=reader, args=(reads // 16,)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(f"{reads // 4 * step:>7} {rss():.1f} MiB")
PY
