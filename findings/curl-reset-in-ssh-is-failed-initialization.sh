#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curl and libcurl4 7.88.1-10+deb12u15 with libssh2-1 1.10.0-3+deb12u1, against openssh-server 1:9.2p1-2+deb12u10 (Debian 12, amd64).
#
# What surprises: when a connection is reset while an SFTP session comes up, curl does not end with the code of a connection that failed or broke
# (7, 55, 56), nor with the one for SSH (79), but with 2, CURLE_FAILED_INIT, which libcurl-errors(3) explains as an early initialization that is "likely
# to be an internal error or problem, or a resource problem". What retries broken lines by their codes and gives up on the rest gives up here.
#
# Seen, with a relay that resets after so many octets of the server:
#   500 (key exchange)    curl 2: Failure establishing ssh session: -1, Unable to exchange encryption keys (or -43, Failed getting banner)
#   2000 (logged in)      curl 2: Failure initializing sftp session: Unable to startup channel
#   none                  curl 0
# Fetches the pinned packages into a temporary folder; sshd listens on loopback; needs a user who may run sshd, and python3.
set -eu
here=$(mktemp -d)
SSHD=''
finish() {
  [ -z "$SSHD" ] || kill "$SSHD" 2> /dev/null || true
  rm -rf "$here"
}
trap finish EXIT
mkdir "$here/root" "$here/packages"
(cd "$here/packages" && apt-get -qq download curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15 libssh2-1=1.10.0-3+deb12u1 openssh-server=1:9.2p1-2+deb12u10)
for package in "$here"/packages/*.deb; do dpkg-deb -x "$package" "$here/root"; done
libraries=$(dirname "$(find "$here/root" -name 'libcurl.so.4')"):$(dirname "$(find "$here/root" -name 'libssh2.so.1')")

cat > "$here/relay.py" <<'P'
import socket, struct, sys, threading
to, limit = int(sys.argv[1]), int(sys.argv[2])
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
client = listener.accept()[0]
server = socket.create_connection(('127.0.0.1', to))
def forward():
    try:
        while octets := client.recv(4096):
            server.sendall(octets)
    except OSError:
        pass
threading.Thread(target=forward, daemon=True).start()
passed = 0
while octets := server.recv(4096):
    passed += len(octets)
    if limit and passed > limit:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # close sends a reset
        break
    client.sendall(octets)
client.close()
P

port=$(python3 -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -f "$here/host"
ssh-keygen -q -t ecdsa -b 256 -N '' -C '' -m PEM -f "$here/key"
cp "$here/key.pub" "$here/authorized_keys"
printf 'ListenAddress 127.0.0.1:%s\nHostKey %s/host\nPidFile none\nAuthorizedKeysFile %s/authorized_keys\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n' \
  "$port" "$here" "$here" > "$here/sshd_config"
[ -d /run/sshd ] || mkdir /run/sshd
"$here/root/usr/sbin/sshd" -D -f "$here/sshd_config" -E "$here/log" &
SSHD=$!
sleep 1

upload() {  # LIMIT: exit code; the message, which differs by where the reset meets libssh2, goes to standard error
  rm -f "$here/relay"
  python3 "$here/relay.py" "$port" "$1" > "$here/relay" &
  until [ -s "$here/relay" ]; do sleep 0.05; done
  status=0
  echo octets | LD_LIBRARY_PATH=$libraries "$here/root/usr/bin/curl" -sS -k --key "$here/key" --pubkey "$here/key.pub" -u "$(id -un):" -T - \
    "sftp://127.0.0.1:$(cat "$here/relay")$here/uploaded" 2> "$here/said" || status=$?
  echo "$1: $status"
  sed 's/^/    /' "$here/said" >&2
}
upload 0 > "$here/seen"
upload 500 >> "$here/seen"
upload 2000 >> "$here/seen"
cat "$here/seen"
printf '%s\n' '0: 0' '500: 2' '2000: 2' | cmp - "$here/seen"
