// SPDX-License-Identifier: Apache-2.0
// The sealed picture: shutterseal-envelope(5). Triple wrapping (RFC 2634) of CMS (RFC 5652, RFC 5083), DER, P-256, SHA-256.
//
// SECURITY: verify sees bytes of attackers. They are compared with one template, octet by octet, before any library decodes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/ids.h"
#include "src/base/time.h"
#include "src/base/verdict.h"
#include "src/envelope/keys.h"

namespace shutterseal::envelope {

inline constexpr std::size_t kLargestContent = 16 * 1024 * 1024;    // default limit of a picture
inline constexpr std::size_t kLargestOverhead = 8 * 1024;           // an envelope is at most this much larger than its content
inline constexpr std::size_t kSmallestEnvelope = 512;
inline constexpr std::size_t kLongestName = 255, kLongestNote = 255;  // octets of UTF-8
inline constexpr std::size_t kMostRecipients = 16;

enum class Kind : std::uint8_t { image = 0, event = 1 };

struct Anchor {
  std::uint64_t size = 0;
  Digest root;
  friend bool operator==(const Anchor&, const Anchor&) = default;
};

// The signed attribute of the outer layer: what a server without a decryption key may know.
struct Passage {
  std::string camera;
  ChainId chain;
  std::uint64_t sequence = 0;  // from 1
  Digest previous;             // of the whole previous envelope
  Kind kind = Kind::image;
  TimeMs sealed_at = 0;
  std::optional<Anchor> anchor;
  std::optional<std::string> note;
};

// The signed attribute of the inner layer: about the picture itself.
struct Capture {
  std::string camera;
  ChainId chain;
  std::uint64_t sequence = 0;
  std::string file_name;  // a single path component, e.g. 102_2026_11_23_10_11_12.jpg; the reader refuses '/' , NUL, control characters, "." and ".."
  TimeMs captured_at = 0;
  std::string media_type;  // image/jpeg, text/plain
};

// ---- seal -------------------------------------------------------------------------------------------------------------------

// Room for one picture with the envelope's overhead around it, so that a picture is read from disk to the place where it will be
// encrypted: peak memory is one picture, not four. Move-only.
class PictureBuffer {
 public:
  explicit PictureBuffer(std::size_t content_size, std::size_t recipients);
  [[nodiscard]] std::span<std::uint8_t> content() noexcept;

 private:
  friend class Sealer;
  std::size_t content_at_ = 0, content_size_ = 0;
  Buffer storage_;
};

struct Sealed {
  Buffer storage;
  std::size_t offset = 0, size = 0;
  Digest digest;  // SHA-256 of view(): the envelope's name
  [[nodiscard]] ByteView view() const { return storage.view().subspan(offset, size); }
};

// Seals with one camera's key for a fixed set of custodians. Thread-safe after construction; construct once, seal many.
class Sealer {
 public:
  // `certificate` must be that of `key` (else Error data); 1..16 custodians.
  Sealer(PrivateKey key, Certificate certificate, const std::vector<Certificate>& custodians);
  ~Sealer();
  [[nodiscard]] std::size_t recipients() const noexcept;
  // Both layers get passage.camera, chain and sequence; signingTime is sealed_at in whole seconds. The buffer's content is encrypted in place.
  // Aborts on an order that the reader would refuse (empty name, sequence 0): the caller's bug.
  [[nodiscard]] Sealed seal(const Passage& passage, const Capture& capture, PictureBuffer&& picture) const;
  // A request by the same key, for its renewal: the challenge names the certificate that is to be renewed.
  [[nodiscard]] Bytes renewal_request(const CameraId& camera, std::string_view ssh_public_key) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- verify (no decryption key) -----------------------------------------------------------------------------------------------

// A camera's certificate as the judge needs it; plain octets, so that it can cross a process boundary as it is.
struct TrustedSigner {
  Ski ski;
  Digest certificate;  // SHA-256 of the certificate: what signingCertificateV2 must name
  Point point{};
};
[[nodiscard]] TrustedSigner trusted_signer(const Certificate& certificate);

struct Judged {
  Verdict verdict = Verdict::malformed;  // accepted, wrong_recipients, malformed, too_large, bad_signature, unknown_signer, wrong_camera
  std::size_t offset = 0, size = 0;      // within the parcel
  Digest digest;                         // SHA-256 of the octets, the envelope's name; zeros from a Judge that skips naming
  Passage passage;                       // filled for accepted and wrong_recipients; for wrong_camera too (signature good)
  Digest certificate;                    // which one signed; filled as passage
};

// The name is a pass over the octets of its own, which whoever does not trust the judge's process has to make himself anyway.
enum class Naming { compute, skip };

// Judges with the given keys. Not thread-safe (it keeps decoded keys and digest contexts); cheap to keep, one per worker.
class Judge {
 public:
  explicit Judge(std::size_t largest_content = kLargestContent, Naming naming = Naming::compute);
  ~Judge();
  // One envelope, nothing before, nothing behind. `camera`: the drop directory's owner; an empty string accepts any camera of `signers`.
  [[nodiscard]] Judged envelope(ByteView bytes, std::string_view camera, std::span<const TrustedSigner> signers,
                                std::span<const Ski> custodians);
  // All envelopes of a parcel, in order. When the octets cannot be split any further, or more than `most` pieces are there, the rest is one last
  // `malformed` (or too_large) with the offset and size of that rest. Never empty: an empty parcel gives one malformed of size 0.
  [[nodiscard]] std::vector<Judged> parcel(ByteView bytes, std::string_view camera, std::span<const TrustedSigner> signers,
                                           std::span<const Ski> custodians, std::size_t most = SIZE_MAX);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- open (a custodian's key) ---------------------------------------------------------------------------------------------------

struct Opened {
  Verdict verdict = Verdict::not_decryptable;  // accepted, not_decryptable, inner_mismatch, bad_signature (inner), malformed (inner or middle)
  Capture capture;  // filled only when accepted
  Bytes content;    // likewise: no plaintext is released before both tag and inner signature have passed
};
// `outer` must be the Judge's accepted (or wrong_recipients) answer for exactly these bytes; `signer` the one it named.
[[nodiscard]] Opened open_envelope(ByteView bytes, const Judged& outer, const TrustedSigner& signer, const PrivateKey& custodian);

}  // namespace shutterseal::envelope
