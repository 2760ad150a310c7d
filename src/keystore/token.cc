// SPDX-License-Identifier: Apache-2.0
#include "src/keystore/token.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>

#include "src/base/error.h"
#include "src/base/text.h"

namespace shutterseal::keystore {

using envelope::Point;
using envelope::RawSignature;

// One a library and process: C_Initialize and a login count for the whole process. Its functions are called by one thread at a time.
class Module {
 public:
  explicit Module(const std::string& path);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  [[nodiscard]] static std::shared_ptr<Module> at(const std::string& path);
  CK_FUNCTION_LIST* operator->() const { return functions_; }
  std::mutex mutex;

 private:
  CK_FUNCTION_LIST* functions_ = nullptr;
};

Module::Module(const std::string& path) {
  functions_ = p11_kit_module_load(path.c_str(), P11_KIT_MODULE_UNMANAGED);
  if (!functions_) throw Error(ErrorKind::unavailable, "cannot load the PKCS#11 module '" + escape_untrusted(path, kLongestSubject) + "'");
  CK_C_INITIALIZE_ARGS threads{};
  threads.flags = CKF_OS_LOCKING_OK;
  const auto code = functions_->C_Initialize(&threads);
  if (code == CKR_OK || code == CKR_CRYPTOKI_ALREADY_INITIALIZED) return;
  p11_kit_module_release(functions_);
  throw Error(ErrorKind::unavailable, "the PKCS#11 module '" + escape_untrusted(path, kLongestSubject) + "' does not start");
}

Module::~Module() {
  static_cast<void>(functions_->C_Finalize(nullptr));
  p11_kit_module_release(functions_);
}

std::shared_ptr<Module> Module::at(const std::string& path) {
  static std::mutex guard;
  static std::map<std::string, std::weak_ptr<Module>> open;
  const std::lock_guard lock(guard);
  auto module = open[path].lock();
  if (!module) open[path] = module = std::make_shared<Module>(path);
  return module;
}

// ---- attributes ---------------------------------------------------------------------------------------------------------------------

// CK_ATTRIBUTE points at values that live here.
class Template {
 public:
  Template& flag(CK_ATTRIBUTE_TYPE type, bool value) { return add(type, Bytes{static_cast<std::uint8_t>(value ? CK_TRUE : CK_FALSE)}); }
  Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(&value);
    return add(type, Bytes(at, at + sizeof value));
  }
  Template& add(CK_ATTRIBUTE_TYPE type, Bytes value) {
    values_.push_back(std::make_unique<Bytes>(std::move(value)));
    attributes_.push_back({type, values_.back()->data(), values_.back()->size()});
    return *this;
  }
  CK_ATTRIBUTE* data() { return attributes_.data(); }
  [[nodiscard]] CK_ULONG size() const { return attributes_.size(); }

 private:
  std::vector<std::unique_ptr<Bytes>> values_;
  std::vector<CK_ATTRIBUTE> attributes_;
};

static const Bytes kP256{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};  // RFC 5480 section 2.1.1.1
static constexpr std::size_t kHead = 2;  // of the DER OCTET STRING around a point: PKCS #11 v2.40 section 2.3.3

struct UriFree {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using Uri = std::unique_ptr<P11KitUri, UriFree>;

struct Token::Impl {
  std::shared_ptr<Module> module;
  std::string text;
  Uri uri;
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  std::optional<CK_OBJECT_HANDLE> private_key;

  [[noreturn]] void fail(CK_RV code, const char* action);
  void require(CK_RV code, const char* action) {
    if (code != CKR_OK) fail(code, action);
  }
  [[nodiscard]] std::string shown() const { return "'" + escape_untrusted(text, kLongestSubject) + "'"; }
  [[nodiscard]] CK_SLOT_ID slot(CK_TOKEN_INFO& info);
  void log_in(const Secret& pin);
  void log_out();
  [[nodiscard]] std::vector<CK_OBJECT_HANDLE> find(CK_OBJECT_CLASS kind);
  [[nodiscard]] CK_OBJECT_HANDLE the_one(CK_OBJECT_CLASS kind);
  [[nodiscard]] Bytes attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  [[nodiscard]] bool is_set(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  [[nodiscard]] Template named();
  void check_bound(CK_OBJECT_HANDLE key);
  [[nodiscard]] Point point();
};

void Token::Impl::fail(CK_RV code, const char* action) {
  log_out();  // a token that was pulled out is found again by the next one
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_INVALID: throw Error(ErrorKind::wrong_pin, "wrong PIN for " + shown());
    case CKR_PIN_LOCKED: throw Error(ErrorKind::permission, "the token of " + shown() + " is locked after too many wrong PINs");
    case CKR_USER_PIN_NOT_INITIALIZED: throw Error(ErrorKind::permission, "the token of " + shown() + " has no user PIN yet");
    default: throw Error(ErrorKind::unavailable, std::string("cannot ") + action + " " + shown() + ": " + escape_untrusted(p11_kit_strerror(code)));
  }
}

void Token::Impl::log_out() {
  if (session != CK_INVALID_HANDLE) static_cast<void>((*module)->C_CloseSession(session));
  session = CK_INVALID_HANDLE;
  private_key.reset();
}

CK_SLOT_ID Token::Impl::slot(CK_TOKEN_INFO& info) {
  std::array<CK_SLOT_ID, 64> slots{};
  CK_ULONG count = slots.size();
  require((*module)->C_GetSlotList(CK_TRUE, slots.data(), &count), "look for");
  std::optional<CK_SLOT_ID> found;
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_TOKEN_INFO one{};
    if ((*module)->C_GetTokenInfo(slots[i], &one) != CKR_OK || p11_kit_uri_match_token_info(uri.get(), &one) == 0) continue;
    if (found) throw Error(ErrorKind::config, "more than one token answers to " + shown());
    found = slots[i];
    info = one;
  }
  if (!found) throw Error(ErrorKind::unavailable, "no token answers to " + shown());
  return *found;
}

void Token::Impl::log_in(const Secret& pin) {
  if (session != CK_INVALID_HANDLE) return;
  CK_TOKEN_INFO info{};
  const auto where = slot(info);
  if (info.flags & CKF_USER_PIN_LOCKED) fail(CKR_PIN_LOCKED, "open");
  if (info.flags & CKF_USER_PIN_FINAL_TRY)
    throw Error(ErrorKind::permission, "one more wrong PIN locks the token of " + shown() + ": not tried; log in once by hand (pkcs11-tool --login)");
  require((*module)->C_OpenSession(where, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session), "open");
  auto* text_of_pin = reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(pin.view().data()));
  const auto code = (*module)->C_Login(session, CKU_USER, text_of_pin, pin.view().size());
  if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN) fail(code, "log in for");
}

// What the URI says of the object.
Template Token::Impl::named() {
  Template wanted;
  CK_ULONG count = 0;
  const auto* given = p11_kit_uri_get_attributes(uri.get(), &count);
  for (CK_ULONG i = 0; i < count; ++i) {
    if (given[i].type == CKA_CLASS) continue;
    const auto* at = static_cast<const std::uint8_t*>(given[i].pValue);
    wanted.add(given[i].type, Bytes(at, at + given[i].ulValueLen));
  }
  return wanted;
}

std::vector<CK_OBJECT_HANDLE> Token::Impl::find(CK_OBJECT_CLASS kind) {
  auto wanted = named();
  wanted.number(CKA_CLASS, kind);
  require((*module)->C_FindObjectsInit(session, wanted.data(), wanted.size()), "find");
  std::vector<CK_OBJECT_HANDLE> found(2);
  CK_ULONG count = 0;
  const auto code = (*module)->C_FindObjects(session, found.data(), found.size(), &count);
  static_cast<void>((*module)->C_FindObjectsFinal(session));
  require(code, "find");
  found.resize(count);
  return found;
}

CK_OBJECT_HANDLE Token::Impl::the_one(CK_OBJECT_CLASS kind) {
  const auto found = find(kind);
  if (found.empty()) throw Error(ErrorKind::no_input, "the token holds no key " + shown());
  if (found.size() > 1) throw Error(ErrorKind::config, "more than one key answers to " + shown());
  return found.front();
}

Bytes Token::Impl::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  Bytes value(256);
  CK_ATTRIBUTE wanted{type, value.data(), value.size()};
  require((*module)->C_GetAttributeValue(session, object, &wanted, 1), "read");
  value.resize(wanted.ulValueLen);
  return value;
}

bool Token::Impl::is_set(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) { return attribute(object, type) == Bytes{CK_TRUE}; }

void Token::Impl::check_bound(CK_OBJECT_HANDLE key) {
  if (!is_set(key, CKA_SENSITIVE) || !is_set(key, CKA_ALWAYS_SENSITIVE) || !is_set(key, CKA_NEVER_EXTRACTABLE))
    throw Error(ErrorKind::permission, "the key " + shown() + " was not made inside its token, or may leave it: not used");
}

Point Token::Impl::point() {
  const auto value = attribute(the_one(CKO_PUBLIC_KEY), CKA_EC_POINT);
  Point point{};
  if (value.size() != kHead + point.size() || value[0] != 4 || value[1] != point.size()) throw Error(ErrorKind::data, "the key " + shown() + " is not a P-256 key");
  std::copy(value.begin() + kHead, value.end(), point.begin());
  return point;
}

// ---- Token --------------------------------------------------------------------------------------------------------------------------

Token::Token(const std::string& module_path, std::string uri) : impl_(std::make_unique<Impl>()) {
  impl_->text = std::move(uri);
  impl_->uri.reset(p11_kit_uri_new());
  if (p11_kit_uri_parse(impl_->text.c_str(), P11_KIT_URI_FOR_OBJECT_ON_TOKEN, impl_->uri.get()) != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(impl_->uri.get()))
    throw Error(ErrorKind::config, "cannot read the PKCS#11 URI " + impl_->shown());
  impl_->module = Module::at(module_path);
}

Token::~Token() {
  const std::lock_guard lock(impl_->module->mutex);
  impl_->log_out();
}

bool Token::is_taken(const Secret& pin) {
  const std::lock_guard lock(impl_->module->mutex);
  impl_->log_in(pin);
  return !impl_->find(CKO_PRIVATE_KEY).empty() || !impl_->find(CKO_PUBLIC_KEY).empty();
}

Point Token::make(const Secret& pin) {
  const std::lock_guard lock(impl_->module->mutex);
  impl_->log_in(pin);
  auto public_half = impl_->named(), private_half = impl_->named();
  public_half.flag(CKA_TOKEN, true).flag(CKA_VERIFY, true).add(CKA_EC_PARAMS, kP256);
  private_half.flag(CKA_TOKEN, true).flag(CKA_PRIVATE, true).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false).flag(CKA_SIGN, true);
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE made_public = 0, made_private = 0;
  impl_->require((*impl_->module)->C_GenerateKeyPair(impl_->session, &mechanism, public_half.data(), public_half.size(), private_half.data(), private_half.size(),
                                                     &made_public, &made_private),
                 "make");
  impl_->check_bound(made_private);
  return impl_->point();
}

Point Token::public_point(const Secret& pin) {
  const std::lock_guard lock(impl_->module->mutex);
  impl_->log_in(pin);
  impl_->check_bound(impl_->the_one(CKO_PRIVATE_KEY));
  return impl_->point();
}

RawSignature Token::sign(const Secret& pin, const Digest& digest) {
  const std::lock_guard lock(impl_->module->mutex);
  impl_->log_in(pin);
  if (!impl_->private_key) impl_->private_key = impl_->the_one(CKO_PRIVATE_KEY);
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  impl_->require((*impl_->module)->C_SignInit(impl_->session, &mechanism, *impl_->private_key), "sign with");
  RawSignature raw{};
  CK_ULONG size = raw.size();
  auto octets = digest.octets;
  impl_->require((*impl_->module)->C_Sign(impl_->session, octets.data(), octets.size(), raw.data(), &size), "sign with");
  if (size != raw.size()) throw Error(ErrorKind::unavailable, "the token gave no signature of P-256");
  return raw;
}

}  // namespace shutterseal::keystore
