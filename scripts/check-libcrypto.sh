#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exit 0 when stock `openssl cms -decrypt` refuses an AuthEnvelopedData whose tag was cut to one octet (CVE-2026-34182), 1 when it
# accepts. Makes a real message, shortens the tag and the length that names it, and tries all 256 values of the octet that is left.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
quiet() { "$@" >/dev/null 2>&1; }
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj /CN=probe -days 2
printf 'probe' > plain
openssl cms -encrypt -binary -aes-256-gcm -in plain -outform DER -out good.der -recip c.pem
# GCMParameters: 30 11 04 0c <12 octets> 02 01 10. The tag is the last 16 octets, behind 04 10. Lengths above it shrink by 15.
cat > cut.pl <<'P'
undef $/; open F, "<:raw", "good.der"; my $d = <F>;
sub der { my ($t, $b) = @_; my $n = length $b;
  my $l = $n < 128 ? chr $n : $n < 256 ? pack("CC", 0x81, $n) : pack("Cn", 0x82, $n); chr($t) . $l . $b }
sub kids { my $b = shift; my @k; while (length $b) { my ($t, $n) = unpack "CC", $b; my $h = 2;
  if ($n & 128) { my $c = $n & 127; $n = 0; $n = $n << 8 | ord substr $b, 2 + $_, 1 for 0 .. $c - 1; $h += $c }
  push @k, [$t, substr $b, $h, $n]; $b = substr $b, $h + $n } @k }
my ($outer) = kids($d); my ($oid, $wrap) = kids($outer->[1]); my ($auth) = kids($wrap->[1]); my @parts = kids($auth->[1]);
$parts[2][1] =~ s/\x02\x01\x10/\x02\x01\x01/ or die "no tag length"; 
for my $guess (0 .. 255) { $parts[-1][1] = chr $guess;
  my $body = join "", map { der(@$_) } @parts;
  open O, ">:raw", "forged$guess.der"; print O der(0x30, der(@$oid) . der(0xa0, der(0x30, $body))); close O }
P
perl cut.pl
accepted=0 guess=0
while [ $guess -lt 256 ]; do
  if quiet openssl cms -decrypt -binary -inform DER -in forged$guess.der -recip c.pem -inkey k.pem -out out; then accepted=1; break; fi
  guess=$((guess + 1))
done
# The control: the unharmed message must open, else the probe shows nothing.
openssl cms -decrypt -binary -inform DER -in good.der -recip c.pem -inkey k.pem -out out || { echo "probe: the control failed" >&2; exit 2; }
cmp -s out plain || { echo "probe: the control failed" >&2; exit 2; }
exit $accepted
