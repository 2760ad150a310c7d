// SPDX-License-Identifier: Apache-2.0
#include "src/keystore/tpm.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::keystore {

using envelope::Point;
using envelope::RawSignature;

// What the TSS allocates and we give back.
struct EsysFree {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <class T>
using Given = std::unique_ptr<T, EsysFree>;
struct TctiClose {
  void operator()(TSS2_TCTI_CONTEXT* tcti) const { Tss2_TctiLdr_Finalize(&tcti); }
};
struct EsysClose {
  void operator()(ESYS_CONTEXT* context) const { Esys_Finalize(&context); }
};

static constexpr TPMA_OBJECT kBoundToTpm = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN;
static constexpr std::size_t kLongestPin = 32;  // of an object whose name is a SHA-256: Part 1 section 19.6.4.3

struct Tpm::Impl {
  std::string tcti_name;
  std::mutex mutex;
  std::unique_ptr<TSS2_TCTI_CONTEXT, TctiClose> tcti;
  std::unique_ptr<ESYS_CONTEXT, EsysClose> context;  // after its TCTI: closed before it
  std::map<std::uint32_t, ESYS_TR> known;
  bool broken = false;

  ESYS_CONTEXT* esys();
  [[noreturn]] void fail(TSS2_RC code, const char* action, std::uint32_t handle);
  void require(TSS2_RC code, const char* action, std::uint32_t handle) {
    if (code != TSS2_RC_SUCCESS) fail(code, action, handle);
  }
  ESYS_TR find(std::uint32_t handle);
};

// A transient object takes one of a TPM's few places until it is flushed.
class Transient {
 public:
  explicit Transient(ESYS_CONTEXT* context) : context_(context) {}
  ~Transient() {
    if (object_ != ESYS_TR_NONE) static_cast<void>(Esys_FlushContext(context_, object_));
  }
  Transient(const Transient&) = delete;
  Transient& operator=(const Transient&) = delete;
  ESYS_TR* put() { return &object_; }
  [[nodiscard]] ESYS_TR get() const { return object_; }

 private:
  ESYS_CONTEXT* context_;
  ESYS_TR object_ = ESYS_TR_NONE;
};

static std::string name_of(std::uint32_t handle) {
  char text[32];
  std::snprintf(text, sizeof text, "handle:0x%08x", handle);
  return text;
}

// Part 2 section 6.6: of a format-one code, which argument it is about stands in the other bits.
static TSS2_RC without_argument(TSS2_RC code) { return code & TPM2_RC_FMT1 ? code & (TPM2_RC_FMT1 | 0x3f) : code; }

[[noreturn]] static void throw_tpm(TSS2_RC code, const char* action, std::uint32_t handle) {
  switch (without_argument(code)) {
    case TPM2_RC_AUTH_FAIL: throw Error(ErrorKind::wrong_pin, "wrong PIN for " + name_of(handle));
    case TPM2_RC_BAD_AUTH: throw Error(ErrorKind::permission, std::string("cannot ") + action + " " + name_of(handle) + ": the TPM wants another password");
    case TPM2_RC_HANDLE: throw Error(ErrorKind::no_input, "the TPM holds no key at " + name_of(handle));
    case TPM2_RC_LOCKOUT: throw Error(ErrorKind::temporary, "the TPM is locked after too many wrong PINs: it unlocks itself in time (see tpm2_dictionarylockout)");
    case TPM2_RC_NV_DEFINED: throw Error(ErrorKind::cannot_create, name_of(handle) + " is taken");
    default: break;
  }
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", code);
  throw Error(ErrorKind::unavailable, std::string("cannot ") + action + " " + name_of(handle) + ": the TPM says " + text);
}

void Tpm::Impl::fail(TSS2_RC code, const char* action, std::uint32_t handle) {
  const auto layer = code & TSS2_RC_LAYER_MASK;
  const bool by_tpm = layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
  if (by_tpm) throw_tpm(code & ~TSS2_RC_LAYER_MASK, action, handle);
  broken = true;
  throw Error(ErrorKind::unavailable, "no TPM answers at '" + escape_untrusted(tcti_name) + "'");
}

// After an error of the line its state is unknown: then a new one.
ESYS_CONTEXT* Tpm::Impl::esys() {
  if (context && !broken) return context.get();
  known.clear();
  context.reset();
  tcti.reset();
  broken = false;
  TSS2_TCTI_CONTEXT* line = nullptr;
  require(Tss2_TctiLdr_Initialize(tcti_name.c_str(), &line), "reach", 0);
  tcti.reset(line);
  ESYS_CONTEXT* made = nullptr;
  require(Esys_Initialize(&made, line, nullptr), "reach", 0);
  context.reset(made);
  return made;
}

ESYS_TR Tpm::Impl::find(std::uint32_t handle) {
  auto* line = esys();  // first: a new line knows none of the old one's objects
  if (const auto found = known.find(handle); found != known.end()) return found->second;
  ESYS_TR object = ESYS_TR_NONE;
  require(Esys_TR_FromTPMPublic(line, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object), "find", handle);
  known[handle] = object;
  return object;
}

static TPM2B_AUTH auth_of(const Secret& pin) {
  TPM2B_AUTH auth{};
  if (pin.view().size() > kLongestPin) throw Error(ErrorKind::permission, "a TPM's PIN has at most 32 octets");
  auth.size = static_cast<UINT16>(pin.view().size());
  std::copy(pin.view().begin(), pin.view().end(), auth.buffer);
  return auth;
}

// The TSS keeps a copy of the PIN in memory that is neither locked nor wiped: for as long as one command takes.
class PinForOneCommand {
 public:
  PinForOneCommand(ESYS_CONTEXT* context, ESYS_TR object, const Secret& pin) : context_(context), object_(object), auth_(auth_of(pin)) {
    if (Esys_TR_SetAuth(context_, object_, &auth_) != TSS2_RC_SUCCESS) throw Error(ErrorKind::internal, "cannot use a TPM's PIN");
  }
  ~PinForOneCommand() {
    wipe(auth_.buffer, sizeof auth_.buffer);
    auth_.size = kLongestPin;  // as many zeros
    static_cast<void>(Esys_TR_SetAuth(context_, object_, &auth_));
  }
  PinForOneCommand(const PinForOneCommand&) = delete;
  PinForOneCommand& operator=(const PinForOneCommand&) = delete;

 private:
  ESYS_CONTEXT* context_;
  ESYS_TR object_;
  TPM2B_AUTH auth_;
};

// ---- making -------------------------------------------------------------------------------------------------------------------------

static TPM2B_PUBLIC p256(TPMA_OBJECT attributes) {
  TPM2B_PUBLIC made{};
  auto& area = made.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kBoundToTpm | TPMA_OBJECT_USERWITHAUTH | attributes;
  area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
  return made;
}

// Only encrypts what lies between Create and Load; the same each time, so it need not be kept.
static TPM2B_PUBLIC storage_template() {
  auto made = p256(TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_NODA);
  auto& symmetric = made.publicArea.parameters.eccDetail.symmetric;
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = 128;
  symmetric.mode.aes = TPM2_ALG_CFB;
  return made;
}

static TPM2B_PUBLIC signing_template() {
  auto made = p256(TPMA_OBJECT_SIGN_ENCRYPT);
  auto& scheme = made.publicArea.parameters.eccDetail.scheme;
  scheme.scheme = TPM2_ALG_ECDSA;
  scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  return made;
}

static Point point_of(const TPM2B_PUBLIC& area) {
  const auto& unique = area.publicArea.unique.ecc;
  Point point{};
  constexpr std::size_t kHalf = 32;
  if (unique.x.size > kHalf || unique.y.size > kHalf) throw Error(ErrorKind::unavailable, "the TPM gave no point of P-256");
  point[0] = 4;
  std::copy_n(unique.x.buffer, unique.x.size, point.begin() + 1 + kHalf - unique.x.size);
  std::copy_n(unique.y.buffer, unique.y.size, point.begin() + 1 + 2 * kHalf - unique.y.size);
  return point;
}

static void check_bound(const TPM2B_PUBLIC& area, std::uint32_t handle) {
  const auto& part = area.publicArea;
  if (part.type != TPM2_ALG_ECC || part.parameters.eccDetail.curveID != TPM2_ECC_NIST_P256 || (part.objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) == 0 ||
      (part.objectAttributes & TPMA_OBJECT_RESTRICTED) != 0)
    throw Error(ErrorKind::data, name_of(handle) + " is not a P-256 signing key");
  if ((part.objectAttributes & kBoundToTpm) != kBoundToTpm)
    throw Error(ErrorKind::permission, name_of(handle) + " was not made inside this TPM, or may leave it: not used");
}

// Under the owner hierarchy, from the TPM's random numbers and not from its seed: whoever knows the template could make the latter again.
Point Tpm::make(std::uint32_t handle, const Secret& pin) {
  const std::lock_guard lock(impl_->mutex);
  auto* context = impl_->esys();
  TPM2B_SENSITIVE_CREATE nothing{}, with_pin{};
  with_pin.sensitive.userAuth = auth_of(pin);
  const TPM2B_DATA no_data{};
  const TPML_PCR_SELECTION no_registers{};
  const auto storage = storage_template(), signing = signing_template();
  Transient parent(context), key(context);
  impl_->require(Esys_CreatePrimary(context, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &storage, &no_data, &no_registers,
                                    parent.put(), nullptr, nullptr, nullptr, nullptr),
                 "make", handle);
  TPM2B_PRIVATE* wrapped = nullptr;
  TPM2B_PUBLIC* area = nullptr;
  const auto created = Esys_Create(context, parent.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &with_pin, &signing, &no_data, &no_registers, &wrapped,
                                   &area, nullptr, nullptr, nullptr);
  wipe(&with_pin, sizeof with_pin);
  const Given<TPM2B_PRIVATE> wrapped_owner(wrapped);
  const Given<TPM2B_PUBLIC> area_owner(area);
  impl_->require(created, "make", handle);
  impl_->require(Esys_Load(context, parent.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, wrapped, area, key.put()), "make", handle);
  ESYS_TR persistent = ESYS_TR_NONE;
  impl_->require(Esys_EvictControl(context, ESYS_TR_RH_OWNER, key.get(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle, &persistent), "keep", handle);
  impl_->known[handle] = persistent;
  check_bound(*area, handle);
  return point_of(*area);
}

// ---- using --------------------------------------------------------------------------------------------------------------------------

bool Tpm::is_taken(std::uint32_t handle) {
  const std::lock_guard lock(impl_->mutex);
  try {
    static_cast<void>(impl_->find(handle));
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::no_input) throw;
    return false;
  }
}

Point Tpm::public_point(std::uint32_t handle) {
  const std::lock_guard lock(impl_->mutex);
  const auto object = impl_->find(handle);
  TPM2B_PUBLIC* area = nullptr;
  const auto code = Esys_ReadPublic(impl_->esys(), object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, nullptr, nullptr);
  const Given<TPM2B_PUBLIC> owner(area);
  impl_->require(code, "read", handle);
  check_bound(*area, handle);
  return point_of(*area);
}

static void put_half(const TPM2B_ECC_PARAMETER& number, std::uint8_t* half) {
  constexpr std::size_t kHalf = 32;
  if (number.size > kHalf) throw Error(ErrorKind::unavailable, "the TPM gave no signature");
  std::copy_n(number.buffer, number.size, half + kHalf - number.size);
}

RawSignature Tpm::sign(std::uint32_t handle, const Secret& pin, const Digest& digest) {
  const std::lock_guard lock(impl_->mutex);
  const auto object = impl_->find(handle);
  TPM2B_DIGEST what{};
  what.size = Digest::kSize;
  std::ranges::copy(digest.octets, what.buffer);
  TPMT_SIG_SCHEME scheme{};
  scheme.scheme = TPM2_ALG_ECDSA;
  scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
  TPMT_TK_HASHCHECK none{};  // the digest was not made by the TPM: allowed for keys that are not restricted
  none.tag = TPM2_ST_HASHCHECK;
  none.hierarchy = TPM2_RH_NULL;
  TPMT_SIGNATURE* signature = nullptr;
  auto* context = impl_->esys();
  TSS2_RC code = 0;
  {
    const PinForOneCommand known_pin(context, object, pin);
    code = Esys_Sign(context, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &what, &scheme, &none, &signature);
  }
  const Given<TPMT_SIGNATURE> owner(signature);
  impl_->require(code, "sign with", handle);
  RawSignature raw{};
  put_half(signature->signature.ecdsa.signatureR, raw.data());
  put_half(signature->signature.ecdsa.signatureS, raw.data() + raw.size() / 2);
  return raw;
}

// Shared by the keys of a process, by the last of which it is closed.
std::shared_ptr<Tpm> Tpm::at(const std::string& tcti) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Tpm>> open;
  const std::lock_guard lock(mutex);
  auto tpm = open[tcti].lock();
  if (!tpm) open[tcti] = tpm = std::make_shared<Tpm>(tcti);
  return tpm;
}

Tpm::Tpm(std::string tcti) : impl_(std::make_unique<Impl>()) { impl_->tcti_name = std::move(tcti); }
Tpm::~Tpm() = default;

}  // namespace shutterseal::keystore
