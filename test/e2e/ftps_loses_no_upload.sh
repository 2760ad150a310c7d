#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# FTPS with the shipped ProFTPD in a machine of its own: two thousand uploads one after the other, none lost, none tried again; the server
# must be who it should be, speak TLS on both channels, and know the password; a client certificate is asked for and given; an upload that is
# cut is never taken for a whole one.
# shellcheck source=test/lib/world.sh
. "$(dirname "$0")/../lib/world.sh"
# shellcheck source=test/lib/machine.sh
. "$project/test/lib/machine.sh"
need_machine "$@"
make_running_ftp_server shutterseal-ingestd.service
enrol_in_machine 101
in_machine shutterseal camera password 101 --out /opt/test/password-101 > "$world/password.log"
keys=$root/opt/test/camera-101/var/lib/shutterseal-upload/keys
cp "$root/opt/test/password-101" "$keys/ftp-password"
upload_conf=$root/opt/test/camera-101/etc/shutterseal/upload.conf
mkdir -p "$(dirname "$upload_conf")"
# One envelope a parcel, one parcel an upload.
printf 'parcel-least = 1k\nparcel-most = 1k\n' > "$upload_conf"
proftpd_conf=$root/etc/shutterseal/proftpd.conf
cp "$proftpd_conf" "$world/good"
restart_ftp() { in_machine systemctl reset-failed shutterseal-ftp.service; in_machine systemctl restart shutterseal-ftp.service; until_inside "no FTP server" sh -c 'ss -lnt | grep -q ":21 "'; }

# Many uploads. A retry would be a line on standard error.
many=${UPLOADS:-2000}
/usr/bin/python3 - "$root/opt/test/camera-101/var/lib/motion" "$many" <<'P'
import os, sys, time
folder, count = sys.argv[1], int(sys.argv[2])
for i in range(count):
    path = f"{folder}/picture-{i}.jpg"
    with open(path, "wb") as file:
        file.write(b"\xff\xd8\xff\xe0" + os.urandom(3000) + b"\xff\xd9")
    os.utime(path, (time.time() - 60, time.time() - 60))
P
upload_in_machine 101 > "$world/upload.log" 2>&1 || { cat "$world/upload.log"; in_machine journalctl --no-pager -n 20; fail "the uploads"; }
[ ! -s "$world/upload.log" ] || { cat "$world/upload.log"; fail "something was tried again"; }
[ "$(stored_in_machine 101)" -eq "$many" ] || fail "$(stored_in_machine 101) of $many are in evidence"
[ "$(in_machine journalctl --no-pager -t proftpd | grep -c 'session opened')" -le 5 ] || fail "the connection was not reused"
echo "$many uploads"

# An alarm has a name of its own, which the server must let in.
expect 0 'sent$' in_machine shutterseal-upload alert tamper --root /opt/test/camera-101 --passphrase-file /opt/test/passphrase
until_inside "the alarm does not arrive" sh -c 'shutterseal find --kind event | grep -q tamper'
waiting_arrive() { upload_in_machine 101 > "$world/upload.log" 2>&1 || { cat "$world/upload.log"; fail "afterwards nothing arrives"; }; }
waiting_arrive

# Refusals: one line, an exit code, nothing lost.
refused() {
  picture_in_machine 101 1
  expect "$1" "$2" upload_in_machine 101
  [ "$(find "$root/opt/test/camera-101/var/lib/shutterseal-upload/spool" -maxdepth 1 -name '*.p7m' | wc -l)" -ge 1 ] || fail "the envelope is gone"
}
echo wrong > "$keys/ftp-password"
chmod 600 "$keys/ftp-password"
refused 77 'login refused'
chmod 644 "$keys/ftp-password"
refused 77 'open to others'
rm "$keys/ftp-password"
refused 66 'ftp-password'
(umask 077 && cp "$root/opt/test/password-101" "$keys/ftp-password")
waiting_arrive
# Another authority, another host's certificate, no TLS at all: nothing is sent, not even the name.
cp "$root/etc/shutterseal/ftp.pem" "$world/ftp.pem"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$world/other.key" -out "$world/other.pem" -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2> "$world/tls.log"
cp "$root/etc/shutterseal/ftp.key" "$world/ftp.key"
cp "$world/other.pem" "$root/etc/shutterseal/ftp.pem"
cat "$world/other.key" > "$root/etc/shutterseal/ftp.key"
restart_ftp
refused 76 'certificate or TLS is not what it must be'
printf 'subjectAltName=DNS:elsewhere.test\n' > "$world/ftp.ext"
openssl x509 -req -in "$world/ftp.csr" -CA "$world/tls-ca.pem" -CAkey "$world/tls-ca.key" -days 30 -extfile "$world/ftp.ext" -out "$root/etc/shutterseal/ftp.pem" 2>> "$world/tls.log"
cat "$world/ftp.key" > "$root/etc/shutterseal/ftp.key"
restart_ftp
refused 76 'certificate or TLS is not what it must be'
cp "$world/ftp.pem" "$root/etc/shutterseal/ftp.pem"
sed 's/^TLSEngine on/TLSEngine off/; /^TLSRequired/d' "$world/good" > "$proftpd_conf"
restart_ftp
refused 76 'certificate or TLS is not what it must be'
if in_machine journalctl --no-pager -t proftpd --since '2 seconds ago' | grep -q 'USER cam-101'; then fail "the camera's name went over the line in the clear"; fi
cp "$world/good" "$proftpd_conf"
restart_ftp
waiting_arrive

# A client certificate, asked for by the server.
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$keys/tls.key" -out "$world/client.csr" -subj /CN=cam-101 2>> "$world/tls.log"
openssl x509 -req -in "$world/client.csr" -CA "$world/tls-ca.pem" -CAkey "$world/tls-ca.key" -days 30 -out "$keys/tls.pem" 2>> "$world/tls.log"
chmod 600 "$keys/tls.key"
cp "$world/tls-ca.pem" "$root/etc/shutterseal/ftp-clients.pem"
picture_in_machine 101 2
sed 's,^#   TLSCACertificateFile,TLSCACertificateFile,; s,^#   TLSVerifyClient,TLSVerifyClient,' "$world/good" > "$proftpd_conf"
restart_ftp
expect 76 'handshake failure' upload_in_machine 101
printf 'ftp-certificate = /opt/test/camera-101/var/lib/shutterseal-upload/keys/tls.pem\nftp-key = /opt/test/camera-101/var/lib/shutterseal-upload/keys/tls.key\n' >> "$upload_conf"
waiting_arrive
printf 'ftp-certificate = /x\n' > "$world/half.conf"
expect 78 'go together' shutterseal-upload -t --config "$world/half.conf"
cp "$world/good" "$proftpd_conf"
restart_ftp

# Cut in the middle, by somebody on the line who ends the data connection politely on TCP and cannot end TLS. ProFTPD calls that complete;
# the uploader asks how much arrived, does not rename, and sends again. The proxy cuts the first data connection that carries much.
cat > "$root/opt/test/cut.py" <<'P'
import asyncio, re
cut = {"left": 1}
async def pump(reader, writer, limit=None):
    sent = 0
    while data := await reader.read(16384):
        if limit is not None:
            data = data[: max(0, limit - sent)]
        sent += len(data)
        if data:
            writer.write(data)
            await writer.drain()
        if limit is not None and sent >= limit:
            writer.write_eof()
            limit = sent  # swallow the rest, as if it had arrived
    try:
        writer.write_eof()
    except Exception:
        pass
async def serve(local, remote, reader, writer):
    r, w = await asyncio.open_connection("127.0.0.1", remote)
    limit = None
    if remote != 21 and cut["left"] > 0:
        cut["left"] -= 1
        limit = 9000
    await asyncio.gather(pump(reader, w, limit), pump(r, writer))
    writer.close()
    w.close()
async def main():
    for port in [21] + list(range(40000, 40050)):
        await asyncio.start_server(lambda a, b, p=port: serve(p, p, a, b), "127.0.0.2", port)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
P
sed 's/^PassivePorts .*/PassivePorts 40000 40049/; s/^DefaultAddress .*/DefaultAddress 127.0.0.1\nSocketBindTight on\nMasqueradeAddress 127.0.0.2/' "$world/good" > "$proftpd_conf"
restart_ftp
in_machine /usr/bin/python3 /opt/test/cut.py > "$world/cut.log" 2>&1 &
tries=0
until grep -q ready "$world/cut.log"; do tries=$((tries + 1)); [ $tries -lt 100 ] || { cat "$world/cut.log"; fail "the proxy does not start"; }; sleep 0.1; done
before=$(stored_in_machine 101)
sed -i 's,ftps://127.0.0.1/,ftps://127.0.0.2/,' "$root/etc/shutterseal/server.conf"
printf 'subjectAltName=IP:127.0.0.2\n' > "$world/ftp.ext"
openssl x509 -req -in "$world/ftp.csr" -CA "$world/tls-ca.pem" -CAkey "$world/tls-ca.key" -days 30 -extfile "$world/ftp.ext" -out "$root/etc/shutterseal/ftp.pem" 2>> "$world/tls.log"
restart_ftp
in_machine shutterseal camera bundle 101 --authority-key /opt/test/authority/authority.key --passphrase-file /opt/test/passphrase --out /opt/test/bundle-2 > "$world/bundle.log"
in_machine shutterseal-upload accept /opt/test/bundle-2 --root /opt/test/camera-101 --authority "$authority" > "$world/accept.log"
picture_in_machine 101 3
in_machine shutterseal-upload run --root /opt/test/camera-101 --passphrase-file /opt/test/passphrase > "$world/upload.log" 2>&1 || true
grep -q 'the server has [0-9]* of [0-9]* octets' "$world/upload.log" || { cat "$world/upload.log"; fail "the cut is not noticed"; }
upload_in_machine 101 > "$world/upload.log" 2>&1 || { cat "$world/upload.log"; fail "after the cut"; }
[ $(($(stored_in_machine 101) - before)) -eq 1 ] || fail "the cut picture is not in evidence"
if in_machine journalctl --no-pager -t shutterseal-ingestd | grep -q refused; then fail "half a parcel reached the daemon"; fi

# A revocation ends an upload that is under way, and the password with it.
cat > "$root/opt/test/long.sh" <<'S'
head -c 20000000 /dev/zero | curl -sSk --ssl-reqd --ftp-method nocwd --limit-rate 100k -u "cam-101:$(cat /opt/test/password-101)" -T - ftp://127.0.0.1/incoming/.9-9-00000000000000aa.parcel.part
S
in_machine sh /opt/test/long.sh &
uploading=$!
until_inside "no upload is under way" test -s /srv/shutterseal/drop/cam-101/incoming/.9-9-00000000000000aa.parcel.part
in_machine shutterseal camera revoke 101 --reason stolen > "$world/revoke.log"
if wait $uploading; then fail "a revoked camera's upload goes on"; fi
expect 67 'curl: (67)' in_machine sh /opt/test/long.sh
[ ! -e "$root/etc/shutterseal/cameras/cam-101/password" ] || fail "the password is still there"
