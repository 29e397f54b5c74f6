// Android's form of a public RSA key, read with OpenSSL 3. Android's own file does it with BoringSSL, which Debian
// has not. adbd only reads keys.

#include <crypto_utils/android_pubkey.h>
#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <string.h>

enum { kWords = ANDROID_PUBKEY_MODULUS_SIZE / 4 };

// All numbers are little-endian, as every device of ours is.
struct EncodedKey {
  uint32_t modulus_words;
  uint32_t unused_inverse;
  uint8_t modulus[ANDROID_PUBKEY_MODULUS_SIZE];
  uint8_t unused_square[ANDROID_PUBKEY_MODULUS_SIZE];
  uint32_t exponent;
};

bool android_pubkey_decode(const uint8_t* buffer, size_t size, RSA** out) {
  struct EncodedKey encoded;
  if (size < sizeof(encoded)) return false;
  memcpy(&encoded, buffer, sizeof(encoded));
  if (encoded.modulus_words != kWords) return false;

  RSA* rsa = RSA_new();
  BIGNUM* modulus = BN_lebin2bn(encoded.modulus, sizeof(encoded.modulus), NULL);
  BIGNUM* exponent = BN_new();
  if (rsa && modulus && exponent && BN_set_word(exponent, encoded.exponent) &&
      RSA_set0_key(rsa, modulus, exponent, NULL)) {
    *out = rsa;
    return true;
  }
  BN_free(modulus);
  BN_free(exponent);
  RSA_free(rsa);
  return false;
}
