// SPDX-License-Identifier: Apache-2.0
// Whole fleets for trials and figures: enrols cameras in a server's registry and seals parcels for them, thousands a second and without a camera.
// The envelopes are real ones. usage: make-fleet ROOT PREFIX CAMERAS PARCELS ENVELOPES SIZE TARGET AUTHORITY_DIR
// PASSPHRASE_FILE
//   cameras PREFIX1.. PREFIXn, each with PARCELS parcels of ENVELOPES envelopes of SIZE octets, put into TARGET/cam-ID/; TARGET "-": into incoming/.
// Run again with the same PREFIX it adds to cameras that exist: with a new key and a new chain, as after a camera's repair.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/key_value.h"
#include "src/base/paths.h"
#include "src/base/program.h"
#include "src/registry/registry.h"
#include "src/server/trust.h"

using namespace shutterseal;
namespace fs = std::filesystem;

namespace {

struct Order {
  ServerPaths paths;
  std::string prefix;
  std::uint64_t cameras, parcels, envelopes, size;
  std::string target;
};

// The server's own authority, whose key the test has: a registry's certificates count by its signature.
class Issuer {
 public:
  Issuer(const std::string& dir, const std::string& passphrase)
      : key_(envelope::PrivateKey::from_pem(read_file(dir + "/authority.key", kLargestTextFile), read_secret_file(passphrase), dir)),
        own_(envelope::Certificate::from_pem(read_file(dir + "/authority.pem", kLargestTextFile), dir)) {}
  envelope::Certificate issue(const std::string& name, const envelope::PrivateKey& key) const {
    return envelope::issue_certificate({envelope::Role::camera, name, key.public_point(), begin_, end_}, key_, &own_);
  }

 private:
  TimeMs begin_ = now_ms(), end_ = begin_ + TimeMs{86'400'000} * 365;
  envelope::PrivateKey key_;
  envelope::Certificate own_;
};

class Camera {
 public:
  Camera(CameraId id, const Issuer& issuer, const std::vector<envelope::Certificate>& custodians)
      : id_(std::move(id)), key_(envelope::PrivateKey::generate()), certificate_(issuer.issue(id_.account(), key_)), custodians_(custodians) {
    const auto number = envelope::sha256(certificate_.der);
    std::copy_n(number.octets.begin(), chain_.octets.size(), chain_.octets.begin());
  }
  void enrol(const ServerPaths& paths) const {
    const registry::Registry registry(paths.cameras);
    const auto name = certificate_.fingerprint.hex();
    if (registry.find(id_)) return registry.add_certificate(id_, name, certificate_.to_pem());
    registry.enrol({.id = id_, .uid = ::getuid(), .enrolled = now_ms(), .bundle_serial = 1, .reason = {}, .revoked_at = {}, .stolen_at = {}, .expires = {},
                    .networks = {}, .services = {}}, "", name, certificate_.to_pem());
    for (const auto* folder : {"incoming", "receipts"}) fs::create_directories(paths.drop + "/" + id_.account() + "/" + folder);
  }
  void fill(const Order& order) {
    const envelope::Sealer sealer(std::move(key_), certificate_, custodians_);
    const fs::path folder = order.target == "-" ? order.paths.drop + "/" + id_.account() + "/incoming" : order.target + "/" + id_.account();
    fs::create_directories(folder);
    for (std::uint64_t i = 0; i < order.parcels; ++i) {
      const auto first = sequence_;
      const auto parcel = make_parcel(sealer, order);
      const auto hash = envelope::sha256(parcel).hex().substr(0, 16);
      std::ofstream(folder / (std::to_string(first) + "-" + std::to_string(sequence_ - 1) + "-" + hash + ".parcel"), std::ios::binary) << as_text(parcel);
    }
  }

 private:
  Bytes make_parcel(const envelope::Sealer& sealer, const Order& order) {
    Bytes parcel;
    for (std::uint64_t i = 0; i < order.envelopes; ++i) {
      const auto sealed = seal(sealer, order.size);
      parcel.insert(parcel.end(), sealed.view().begin(), sealed.view().end());
    }
    return parcel;
  }
  envelope::Sealed seal(const envelope::Sealer& sealer, std::size_t size) {
    envelope::Passage passage{.camera = id_.text(), .chain = chain_, .sequence = sequence_++, .previous = previous_, .sealed_at = now_ms(),
                              .anchor = {}, .note = {}};
    envelope::PictureBuffer picture(size, sealer.recipients());
    std::fill(picture.content().begin(), picture.content().end(), std::uint8_t{0x5a});
    auto sealed = sealer.seal(passage, {passage.camera, passage.chain, passage.sequence, "fleet.jpg", passage.sealed_at, "image/jpeg"}, std::move(picture));
    previous_ = sealed.digest;
    return sealed;
  }

  CameraId id_;
  envelope::PrivateKey key_;
  envelope::Certificate certificate_;
  const std::vector<envelope::Certificate>& custodians_;
  ChainId chain_;
  std::uint64_t sequence_ = 1;
  Digest previous_;
};

int run(int argc, char** argv) {
  if (argc != 10) throw Error(ErrorKind::usage, "make-fleet ROOT PREFIX CAMERAS PARCELS ENVELOPES SIZE TARGET AUTHORITY_DIR PASSPHRASE_FILE");
  const Order order{server_paths(argv[1]), argv[2], std::stoull(argv[3]), std::stoull(argv[4]), std::stoull(argv[5]), std::stoull(argv[6]), argv[7]};
  const auto custodians = server::read_certificates(order.paths.custodians);
  const Issuer issuer(argv[8], argv[9]);
  for (std::uint64_t i = 1; i <= order.cameras; ++i) {
    Camera camera(CameraId::parse(order.prefix + std::to_string(i)).value(), issuer, custodians);
    camera.enrol(order.paths);
    camera.fill(order);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(022);
  return run_main("make-fleet", [&] { return run(argc, argv); });
}
