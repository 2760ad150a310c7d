// SPDX-License-Identifier: Apache-2.0
// The keys of test/fuzz/keys, which protect nothing, and what was really signed with them. Programs run from the project's root.
#pragma once

#include <span>

#include "src/envelope/envelope.h"
#include "src/envelope/receipt.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::fuzz {

struct World {
  envelope::PrivateKey camera_key, custodian_key, authority_key, receipt_key;
  envelope::Certificate authority, camera, other, custodian, receipt;
  CameraId id;                                   // of `camera`; the other one is enrolled, too
  std::vector<envelope::TrustedSigner> signers;  // both cameras
  std::vector<Ski> custodians;
};
[[nodiscard]] const World& world();

// Whether these octets (signed attributes as a SET, or a request's info) are among those that were signed when the seeds were made. Whatever else
// is believed is a forgery; of a message, its content must be the one that was signed, too.
[[nodiscard]] bool is_genuine(ByteView signed_octets);
[[nodiscard]] bool is_genuine(const envelope::SignedView& view);

// The message with its content's digest and its signature made anew: what an enrolled but hostile camera can send. Gets a mutated message past
// the signature. A message too broken for that is given back as it is.
[[nodiscard]] Bytes signed_again(ByteView message, const envelope::PrivateKey& key);

// Whether `message` is the one encoding that shutterseal-envelope(5) allows for what `view` says; the template is written a second time for this.
[[nodiscard]] bool is_canonical(ByteView message, const envelope::SignedView& view, envelope::Extra extra);
// OpenSSL's own CMS_verify takes it, with this certificate at hand.
[[nodiscard]] bool stock_verifies(ByteView message, const envelope::Certificate& signer);

}  // namespace shutterseal::fuzz
