// SPDX-License-Identifier: Apache-2.0
// A request comes from whoever is at the pole. DER is put into PEM first, and signed anew with the camera's key; anything else is read as the PEM
// file. What is read verifies for OpenSSL, too, and its SSH key is one line in its normal form.
#include <openssl/err.h>
#include <openssl/x509.h>

#include "src/envelope/openssl.h"
#include "test/fuzz/lib/der_target.h"
#include "test/fuzz/lib/world.h"

using namespace shutterseal;
using namespace shutterseal::fuzz;

static std::string pem_of(ByteView der) {
  const auto body = envelope::encode_base64(der);
  std::string out = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (std::size_t at = 0; at < body.size(); at += 64) out += body.substr(at, 64) + "\n";
  return out + "-----END CERTIFICATE REQUEST-----\n";
}

static bool stock_verifies_request(ByteView der) {
  using RequestPtr = std::unique_ptr<X509_REQ, envelope::Freed<X509_REQ_free>>;
  const auto* at = der.data();
  const RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  const bool good = request && at == der.data() + der.size() && X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())) == 1;
  ERR_clear_error();
  return good;
}

static std::optional<envelope::Request> read(std::string_view pem) {
  auto reading = envelope::read_request_pem(as_bytes(pem));
  HOLDS(reading.request.has_value() == reading.reason.empty() && is_printable_line(reading.reason));
  if (!reading.request) return std::nullopt;
  const auto& ssh = reading.request->ssh_public_key;
  HOLDS(is_printable_line(reading.request->challenge) && reading.request->challenge.size() <= envelope::kLongestChallenge);
  HOLDS(is_printable_line(ssh) && envelope::normal_ssh_public_key(ssh) == ssh);
  return reading.request;
}

// RFC 2986 section 4.2: the info is what is signed, the signature a BIT STRING behind the algorithm.
static Bytes signed_anew(ByteView der) {
  auto nodes = parse_nodes(der);
  auto* request = nodes.empty() ? nullptr : nodes.data();
  if (!request || request->children.size() != 3) return Bytes(der.begin(), der.end());
  auto signature = envelope::sign_low_s(world().camera_key, encode(request->children[0]));
  signature.insert(signature.begin(), 0);
  request->children[2].children.clear();
  request->children[2].content = signature;
  return encode(nodes);
}

static void check_der(ByteView der) {
  const auto pem = pem_of(der);
  if (const auto request = read(pem)) {
    const auto nodes = parse_nodes(der);
    HOLDS(request->signing_key != world().camera.point || is_genuine(encode(nodes.front().children.front())));
  }
  const auto again = signed_anew(der);
  if (read(pem_of(again))) HOLDS(stock_verifies_request(again));
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (size != 0 && data[0] == envelope::der::kSequence)
    check_der(input);
  else
    static_cast<void>(read(as_text(input)));
  return 0;
}
