// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module in front of the one that REAL_PKCS11 names, which locks as SoftHSM never does: TOKEN_FLAGS are added to the token's flags,
// TOKEN_LOGIN is what C_Login answers, TOKEN_LOGINS the file that counts its calls, TOKEN_LOOSE makes every key extractable, TOKEN_HANGS names a file that
// each signature waits for.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

static CK_FUNCTION_LIST real, ours;

static CK_ULONG setting(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::strtoul(text, nullptr, 0) : 0;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const auto code = real.C_GetTokenInfo(slot, info);
  info->flags |= setting("TOKEN_FLAGS");
  return code;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
  if (const char* path = std::getenv("TOKEN_LOGINS"))
    if (auto* file = std::fopen(path, "a")) {
      std::fputs("login\n", file);
      std::fclose(file);
    }
  const auto code = setting("TOKEN_LOGIN");
  return code != 0 ? code : real.C_Login(session, user, pin, size);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* open, CK_ULONG open_size, CK_ATTRIBUTE* secret, CK_ULONG secret_size,
                      CK_OBJECT_HANDLE* open_key, CK_OBJECT_HANDLE* secret_key) {
  static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  for (CK_ULONG i = 0; setting("TOKEN_LOOSE") != 0 && i < secret_size; ++i) {
    if (secret[i].type == CKA_EXTRACTABLE) secret[i].pValue = &yes;
    if (secret[i].type == CKA_SENSITIVE) secret[i].pValue = &no;
  }
  return real.C_GenerateKeyPair(session, mechanism, open, open_size, secret, secret_size, open_key, secret_key);
}

static CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* signature, CK_ULONG* signature_size) {
  if (const char* path = std::getenv("TOKEN_HANGS"))
    while (::access(path, F_OK) != 0) ::usleep(100'000);
  return real.C_Sign(session, data, size, signature, signature_size);
}

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  void* library = dlopen(std::getenv("REAL_PKCS11"), RTLD_NOW | RTLD_LOCAL);
  if (!library) return CKR_GENERAL_ERROR;
  const auto get = reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* theirs = nullptr;
  if (!get || get(&theirs) != CKR_OK) return CKR_GENERAL_ERROR;
  real = ours = *theirs;
  ours.C_GetTokenInfo = token_info;
  ours.C_Login = login;
  ours.C_GenerateKeyPair = generate;
  ours.C_Sign = sign;
  *list = &ours;
  return CKR_OK;
}
