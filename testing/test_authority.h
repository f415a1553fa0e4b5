// For tests: a certificate authority of our own, and what it issues.
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace varve::object_store::s3 {

struct KeyFreer {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFreer>;
struct CertificateFreer {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateFreer>;

/// What a server shows, and the proof that it is the server's.
struct Identity {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate;
};

class TestAuthority {
 public:
  explicit TestAuthority(const char* name = "Test authority") {
    identity_.certificate = begin(name, identity_.key.get());
    extend(identity_.certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    sign(identity_.certificate.get());
  }

  /// `names` as in "DNS:store.example" or "IP:127.0.0.1".
  [[nodiscard]] Identity issue(const std::string& names) const {
    Identity issued;
    issued.certificate = begin("Test server", issued.key.get());
    extend(issued.certificate.get(), NID_subject_alt_name, names);
    sign(issued.certificate.get());
    return issued;
  }

  /// What clients need in order to trust it, as a PEM file.
  void write(const std::string& path) const {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), &std::fclose);
    PEM_write_X509(file.get(), identity_.certificate.get());
  }

 private:
  Certificate begin(const char* name, EVP_PKEY* key) const {
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509* const issuer = identity_.certificate ? identity_.certificate.get() : certificate.get();
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
    return certificate;
  }
  static void extend(X509* certificate, int what, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void sign(X509* certificate) const { X509_sign(certificate, identity_.key.get(), EVP_sha256()); }

  Identity identity_;
  mutable long serial_ = 0;
};

}  // namespace varve::object_store::s3
