// SPDX-License-Identifier: Apache-2.0
// Sealing in one buffer: the picture lies where it will be encrypted; each layer's head is written in front, its tail behind.
#include <algorithm>

#include "src/base/assistant.h"
#include "src/base/error.h"
#include "src/envelope/cipher.h"
#include "src/envelope/signed_data.h"

namespace shutterseal::envelope {

static constexpr std::size_t kRoomInFront = 512, kRoomARecipient = 256, kRoomBehind = 2048 + kLargestCertificate;

PictureBuffer::PictureBuffer(std::size_t content_size, std::size_t recipients)
    : content_at_(kRoomInFront + kRoomARecipient * recipients), content_size_(content_size), storage_(content_at_ + content_size + kRoomBehind) {}

std::span<std::uint8_t> PictureBuffer::content() noexcept { return storage_.span().subspan(content_at_, content_size_); }

struct Sealer::Impl {
  PrivateKey key;
  Certificate certificate;
  std::vector<std::pair<PkeyPtr, Ski>> custodians;
  Assistant assistant = {};
};

Sealer::Sealer(PrivateKey key, Certificate certificate, const std::vector<Certificate>& custodians)
    : impl_(new Impl{std::move(key), std::move(certificate), {}}) {
  if (impl_->key.public_point() != impl_->certificate.point)
    throw Error(ErrorKind::data, "the camera's certificate is not that of its signing key");
  for (const auto& custodian : custodians) {
    auto public_key = public_key_of(custodian.point);
    require(public_key != nullptr, "use a custodian's key");
    impl_->custodians.emplace_back(std::move(public_key), custodian.ski);
  }
  if (custodians.empty() || custodians.size() > kMostRecipients) throw Error(ErrorKind::data, "an envelope has 1 to 16 custodians");
}

Sealer::~Sealer() = default;
std::size_t Sealer::recipients() const noexcept { return impl_->custodians.size(); }
Bytes Sealer::renewal_request(const CameraId& camera, std::string_view ssh_public_key) const {
  return make_request_pem(camera, impl_->key, ssh_public_key, impl_->certificate.fingerprint.hex());
}

// The growing message inside its buffer.
class Wrapping {
 public:
  Wrapping(std::span<std::uint8_t> storage, std::size_t at, std::size_t size) : storage_(storage), at_(at), size_(size) {}
  std::span<std::uint8_t> view() { return storage_.subspan(at_, size_); }
  void wrap(const Bytes& head, const Bytes& tail) {
    SHUTTERSEAL_BUG_UNLESS(head.size() <= at_ && at_ + size_ + tail.size() <= storage_.size());
    std::copy(head.begin(), head.end(), storage_.begin() + static_cast<std::ptrdiff_t>(at_ - head.size()));
    std::copy(tail.begin(), tail.end(), storage_.begin() + static_cast<std::ptrdiff_t>(at_ + size_));
    at_ -= head.size();
    size_ += head.size() + tail.size();
  }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::span<std::uint8_t> storage_;
  std::size_t at_, size_;
};

// On another core, if one is to be had and the picture is large enough to be worth waking it.
static Assistant* for_size(Assistant& assistant, const Wrapping& message) {
  constexpr std::size_t kWorthAThread = 32 * 1024;
  return message.size() < kWorthAThread ? nullptr : &assistant;
}

static void sign_layer(Wrapping& message, const SignedOrder& order) {
  const auto frame = frame_signed_data(sha256(message.view()), message.size(), order);
  message.wrap(frame.head, frame.tail);
}

// The outer signature needs a pass over nearly all octets and the envelope's name one over all of them: the longest part of sealing, so they
// run side by side. The name's pass begins with the head that a signature of the usual size will have.
static Digest sign_layer_and_name(Wrapping& message, const SignedOrder& order, Assistant& assistant) {
  const auto usual_head = frame_head(message.size(), usual_tail_size(order));
  Sha256 name;
  Assistant::Task naming(for_size(assistant, message), [&name, &usual_head, octets = message.view()] {
    name.update(usual_head);
    name.update(octets);
  });
  const auto tail = frame_tail(sha256(message.view()), order, SignatureSize::usual);
  const auto head = frame_head(message.size(), tail.size());
  naming.wait();
  message.wrap(head, tail);
  if (head != usual_head) return sha256(message.view());
  name.update(tail);
  return name.finish();
}

static void draw(ContentKey& key) {
  auto random = random_octets(key.octets.size());
  std::copy(random.begin(), random.end(), key.octets.begin());
  wipe(random.data(), random.size());
}

static Bytes wrap_for_all(const std::vector<std::pair<PkeyPtr, Ski>>& custodians, const ContentKey& key) {
  std::vector<Recipient> recipients;
  for (const auto& [public_key, ski] : custodians) recipients.push_back(wrap_for(public_key.get(), ski, key));
  return encode_recipients(recipients);
}

static void encrypt_layer(Wrapping& message, const ContentKey& key, const Bytes& recipients) {
  const auto nonce = random_octets(kNonce);
  Bytes tag(kTag);
  encrypt_gcm(key, nonce, message.view(), tag);
  const auto frame = frame_middle(recipients, nonce, message.size(), tag);
  message.wrap(frame.head, frame.tail);
}

Sealed Sealer::seal(const Passage& passage, const Capture& capture, PictureBuffer&& picture) const {
  SHUTTERSEAL_BUG_UNLESS(passage.camera == capture.camera && passage.chain == capture.chain && passage.sequence == capture.sequence);
  const auto passage_der = encode_passage(passage), capture_der = encode_capture(capture);
  SHUTTERSEAL_BUG_UNLESS(read_passage(passage_der) && read_capture(capture_der));
  const auto time = passage.sealed_at - passage.sealed_at % 1000;
  const auto& certificate = impl_->certificate;
  SignerIdentity signer{impl_->key, certificate.ski, certificate.fingerprint, certificate.der};
  Wrapping message(picture.storage_.span(), picture.content_at_, picture.content_size_);
  ContentKey key;
  draw(key);
  Bytes recipients;
  Assistant::Task wrapping(for_size(impl_->assistant, message), [&] { recipients = wrap_for_all(impl_->custodians, key); });  // needs nothing of the picture
  sign_layer(message, {signer, Extra::capture, capture_der, time});
  wrapping.wait();
  encrypt_layer(message, key, recipients);
  signer.include = {};
  const auto digest = sign_layer_and_name(message, {signer, Extra::passage, passage_der, time}, impl_->assistant);
  return Sealed{std::move(picture.storage_), message.at(), message.size(), digest};
}

}  // namespace shutterseal::envelope
