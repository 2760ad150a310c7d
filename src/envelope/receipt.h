// SPDX-License-Identifier: Apache-2.0
// Receipts (server to camera) and bundles (authority to camera): one CMS SignedData form with the signer's certificate included, whose
// fingerprint the reader has pinned, over a strict line-by-line text. See shutterseal-envelope(5), RECEIPTS and BUNDLES.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/verdict.h"
#include "src/envelope/keys.h"

namespace shutterseal::envelope {

// Stored without a gap from `first` to `last`, each naming the one before it; `last_digest` is the SHA-256 of envelope `last`.
struct Run {
  ChainId chain;
  std::uint64_t first = 0, last = 0;
  Digest last_digest;
  friend bool operator==(const Run&, const Run&) = default;
};
struct Refusal {
  std::string name;  // PARCEL name as dropped if it has the form of one, else "-": a hint
  Digest digest;     // SHA-256 of the whole parcel as received
  Verdict verdict = Verdict::malformed;
};
struct Receipt {
  CameraId camera;
  TimeMs time = 0;
  std::uint64_t number = 0;  // grows with every receipt of this camera: an old one replayed is seen
  std::vector<Run> runs;         // at most kMostRuns
  std::vector<Refusal> refusals;  // at most kMostRefusals, newest last
};
inline constexpr std::size_t kMostRuns = 512, kMostRefusals = 256, kLargestReceipt = 256 * 1024;

// PEM file with the receipt's private key and its self-signed certificate.
struct ReceiptKey {
  PrivateKey key;
  Certificate certificate;
  [[nodiscard]] static ReceiptKey from_pem(ByteView pem, const std::string& name);
};
[[nodiscard]] Bytes sign_receipt(const Receipt& receipt, const ReceiptKey& key);

// Reading is strict: size, template, fingerprint among `pins`, signature, text. `reason` is one line when nothing was read:
// "signed by a key that is not pinned", "bad signature", "malformed at line N", "for another camera".
template <class T>
struct Reading {
  std::optional<T> value;
  std::string reason;
};
[[nodiscard]] Reading<Receipt> read_receipt(ByteView bytes, const CameraId& camera, std::span<const Digest> pins);

// What became of a camera's request for renewal, on the server or by hand: signed like a receipt, because a camera decodes no octet that nobody
// pinned has signed. The signature says who sent it, not that it is right: is_good_renewal() does.
struct Renewal {
  CameraId camera;
  std::vector<Certificate> chain;  // by the authority; or by an intermediate, with the intermediate's behind it
};
inline constexpr std::size_t kLargestRenewal = 16 * 1024;
[[nodiscard]] Bytes sign_renewal(const Renewal& renewal, const ReceiptKey& key);
[[nodiscard]] Reading<Renewal> read_renewal(ByteView bytes, const CameraId& camera, std::span<const Digest> pins);
// It leads to the authority, and says nothing but another time: same camera, same key as `certified`, which the authority itself signed. So a
// stolen intermediate makes no camera. Times are not looked at.
[[nodiscard]] bool is_good_renewal(std::span<const Certificate> chain, const Certificate& certified, const Certificate& authority);

// What a camera needs to know about its server; changes arrive as a bundle with a higher serial.
struct Bundle {
  std::uint64_t serial = 0;  // grows
  CameraId camera;
  std::vector<std::string> urls;           // 1..8, sftp:// or ftps://, tried in turn
  std::vector<std::string> host_key_pins;  // 1..4, "SHA256:…"
  std::vector<TlsAuthority> tls_authorities;  // 0..4
  std::vector<Digest> receipt_pins;        // 1..4, SHA-256 of the receipt certificate
  std::vector<Certificate> custodians;     // 1..16
  std::vector<Certificate> certificate;    // exactly one: the camera's (a vector only to have an empty state)
  std::optional<std::uint64_t> receipt_floor = {};  // the authority says: receipts with a number above this one count again
};
inline constexpr std::size_t kLargestBundle = 128 * 1024, kMostCustodians = 16;

[[nodiscard]] std::string bundle_text(const Bundle& bundle);                         // the content, also the unsigned draft
[[nodiscard]] Reading<Bundle> parse_bundle_text(std::string_view text);  // strict; from a draft or a verified bundle
[[nodiscard]] Bytes sign_bundle(std::string_view text, const PrivateKey& authority_key, const Certificate& authority);
// SHA-256 of the authority certificate inside, without decoding it: what an operator compares before the first accept.
[[nodiscard]] std::optional<Digest> bundle_authority(ByteView bytes);
struct VerifiedBundle {
  Bundle bundle;
  Certificate authority;
};
// Checks that the camera's certificate and the custodians' are signed by the authority, too.
[[nodiscard]] Reading<VerifiedBundle> read_bundle(ByteView bytes, const Digest& authority_pin);

}  // namespace shutterseal::envelope
